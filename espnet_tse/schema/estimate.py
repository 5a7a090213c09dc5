"""The waveform that an extraction returns."""

from dataclasses import dataclass, field

from torch import Tensor

from espnet_tse.schema.prediction import Prediction
from espnet_tse.schema.rows import BatchedFields
from espnet_tse.schema.tse_batch import TSEBatch


@dataclass
class Estimate(BatchedFields):
    """The extracted target at the length and rate of the mixture."""

    waveform: Tensor  # (B, N) float, zeros behind a row's length
    lengths: Tensor  # (B,) int64, samples
    sample_rate: int  # Hz
    prediction: Prediction | None = None  # what the generator emitted, where there is one
    num_function_evaluations: int = 0  # NFE of the generator
    diagnostics: dict = field(default_factory=dict)  # numbers for decode.json
    second: Tensor | None = None  # (B, N) float, the other talker of a separation

    shared = ("sample_rate", "num_function_evaluations", "diagnostics")

    @classmethod
    def of_prediction(
        cls, waveform: Tensor, batch: TSEBatch, prediction: Prediction, diagnostics: dict | None = None
    ) -> "Estimate":
        """What a vocoder made, (B, N), of what a generator predicted for ``batch``."""
        return cls(
            waveform,
            batch.mixture_lengths,
            batch.sample_rate,
            prediction,
            num_function_evaluations=prediction.num_function_evaluations,
            diagnostics=diagnostics or {},
        )
