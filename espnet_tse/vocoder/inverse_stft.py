"""The waveform of a predicted complex spectrum: nothing is learned."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.layers.spectral_frames import SpectralFrames, unit_gain
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.schema.padding import valid_mask
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class InverseSTFTConfig:
    """Everything is the analysis's."""


class InverseSTFT(AbsVocoder):
    """The least-squares inverse of the encoder's analysis, at the mixture's level."""

    Config = InverseSTFTConfig

    def __init__(self, frames: SpectralFrames):
        super().__init__()
        self.frames = frames

    @classmethod
    def from_config(cls, config: InverseSTFTConfig, frames: SpectralFrames) -> "InverseSTFT":
        return cls(frames)

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N) from the stream ``spectrum``, whose unit is the mixture's RMS."""
        mixture, lengths = conditions.mixture_waveform, conditions.mixture_num_samples
        waveform = self.frames.waveform(prediction.streams["spectrum"].values, mixture.size(1))
        waveform = waveform / unit_gain(mixture, lengths)[:, None]
        return waveform * valid_mask(lengths, mixture.size(1))
