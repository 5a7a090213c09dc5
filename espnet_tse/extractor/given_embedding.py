"""No speaker encoder: embeddings were extracted beforehand by another model."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.io.scp import DataError


@dataclass(frozen=True)
class GivenEmbeddingConfig:
    """The width of the embeddings."""

    output_dim: int = 256

    def __post_init__(self):
        if self.output_dim < 1:
            raise ValueError(f"output_dim is {self.output_dim}, want the width of the embeddings.")


class GivenEmbedding(AbsSpeakerEncoder):
    """Stands where an encoder would; the batch brings ``speaker_embedding``."""

    Config = GivenEmbeddingConfig

    def __init__(self, output_dim: int):
        super().__init__()
        self.output_dim = output_dim

    @classmethod
    def from_config(cls, config: GivenEmbeddingConfig, input_dim: int) -> "GivenEmbedding":
        return cls(config.output_dim)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        raise DataError(
            "this system takes extracted embeddings, and the batch has none; name them by --train_embeddings "
            "and --valid_embeddings (espnet-tse train) or --embedding_scp (espnet-tse extract)."
        )
