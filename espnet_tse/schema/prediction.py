"""What a generator hands to a vocoder."""

from dataclasses import dataclass, field

from torch import Tensor

from espnet_tse.schema.rows import BatchedFields
from espnet_tse.schema.streams import Streams


@dataclass
class Prediction(BatchedFields):
    """The target as codes, embeddings, latents or a spectrum: the streams that a system predicts."""

    streams: Streams = field(default_factory=Streams)
    num_function_evaluations: int = 0  # NFE: passes through the generator, as decode.json reports

    shared = ("num_function_evaluations",)

    def crop(self, starts: Tensor, lengths: Tensor, sample_rate: int) -> "Prediction":
        """The streams of a span of samples of every row."""
        return Prediction(self.streams.crop(starts, lengths, sample_rate), self.num_function_evaluations)
