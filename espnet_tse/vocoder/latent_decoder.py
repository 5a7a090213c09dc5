"""The frozen autoencoder's own decoder."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.layers.frozen import HoldsFrozen
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class LatentDecoderConfig:
    """Everything is the autoencoder's."""


class LatentDecoder(HoldsFrozen, AbsVocoder):
    """Waveform of the streams that the autoencoder has."""

    Config = LatentDecoderConfig

    def __init__(self, autoencoder: AbsAutoencoder):
        super().__init__()
        self.hold("autoencoder", autoencoder)

    @classmethod
    def from_config(cls, config: LatentDecoderConfig, autoencoder: AbsAutoencoder) -> "LatentDecoder":
        return cls(autoencoder)

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        return self.autoencoder.decode(prediction.streams)
