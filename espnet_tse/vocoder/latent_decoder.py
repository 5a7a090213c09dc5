"""The frozen autoencoder's own decoder."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class LatentDecoderConfig:
    """Everything is the autoencoder's."""


class LatentDecoder(AbsVocoder):
    """Waveform of the stream ``latent``."""

    Config = LatentDecoderConfig

    def __init__(self, autoencoder: AbsAutoencoder):
        super().__init__()
        self.autoencoder = autoencoder.requires_grad_(False).eval()
        leave_out_of_checkpoints(self, "autoencoder")

    @classmethod
    def from_config(cls, config: LatentDecoderConfig, autoencoder: AbsAutoencoder) -> "LatentDecoder":
        return cls(autoencoder)

    def train(self, mode: bool = True) -> "LatentDecoder":
        super().train(mode)
        self.autoencoder.eval()
        return self

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        return self.autoencoder.decode(prediction.streams)
