"""The codec's own continuous embeddings as features."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.layers.frozen import HoldsFrozen
from espnet_tse.schema import Frames


@dataclass(frozen=True)
class CodecLatentConfig:
    """Everything is the codec's."""


class CodecLatent(HoldsFrozen, AbsFrontend):
    """Waveform -> what the frozen codec's quantizer would see.

    Mixture, enrollment and target then live in one space and at one rate, so a system that adds what it
    predicts to the mixture's frames begins at the mixture instead of at nothing. The codec is not trained; a
    gradient flows to waveforms that have one (of a trained front-end).
    """

    Config = CodecLatentConfig

    def __init__(self, codec: AbsCodec):
        super().__init__()
        self.hold("codec", codec)

    @classmethod
    def from_config(cls, config: CodecLatentConfig, codec: AbsCodec | None) -> "CodecLatent":
        """
        Raises:
            ValueError: the system has no codec.
        """
        if codec is None:
            raise ValueError(
                "frontend codec_latent takes its features from the tokenizer 'acoustic'; name it, or use "
                "log_mel."
            )
        return cls(codec)

    @property
    def output_dim(self) -> int:
        return self.codec.spec.embedding_dim

    @property
    def frame_rate(self) -> float:
        return self.codec.frame_rate

    def forward(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """(B, N) samples -> (B, T, D), zeros at padding; each row as if it were alone."""
        return self.codec.encode_latents(waveform, lengths)
