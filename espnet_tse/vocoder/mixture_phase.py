"""The mixture, filtered to a predicted mel spectrogram: a vocoder without weights."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from espnet_tse.layers.shifted_log_mel import ShiftedLogMel
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class MixturePhaseConfig:
    """Bounds of the filter."""

    largest_gain: float = 4.0  # of an amplitude; what the mixture lacks cannot be had by a gain

    def __post_init__(self):
        if self.largest_gain <= 0:
            raise ValueError(f"largest_gain is {self.largest_gain}, want a positive number.")


class MixturePhase(AbsVocoder):
    """G = sqrt(P_predicted / P_mixture) in mel bands, spread over the bins, times the mixture's STFT."""

    Config = MixturePhaseConfig

    def __init__(self, config: MixturePhaseConfig, mel: ShiftedLogMel):
        super().__init__()
        self.config, self.mel = config, mel
        spread = mel.filters.t()  # (num_mels, F)
        # A bin between no triangles, as the highest one, takes the gain of its nearest band.
        alone = (spread.sum(dim=0) == 0).nonzero()[:, 0]
        nearest = (mel.filters.argmax(dim=0)[:, None] - alone).abs().argmin(dim=0)
        spread = spread.clone()
        spread[nearest, alone] = 1.0
        self.register_buffer("spread", spread / spread.sum(dim=0), persistent=False)

    @classmethod
    def from_config(cls, config: MixturePhaseConfig, mel: ShiftedLogMel) -> "MixturePhase":
        return cls(config, mel)

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N) from the stream ``mel``, at the mixture's level."""
        predicted, mixture = prediction.streams["mel"], conditions.streams["mixture"]
        power = self.mel.power(predicted.values).clamp_min(0.0)
        ratio = power / self.mel.power(mixture.values).clamp_min(self.mel.config.power_floor * 1e-3)
        gain = ratio.sqrt().clamp_max(self.config.largest_gain) @ self.spread
        waveform = conditions.mixture_waveform
        # Frames behind a row's last one reach into it. They have its gain, however long the batch mates are.
        spectrum = self.mel.spectrum(functional.pad(waveform, (0, self.mel.config.n_fft)))
        frames = torch.arange(spectrum.size(1), device=gain.device)
        frames = torch.minimum(frames, predicted.lengths[:, None] - 1)
        gain = gain[torch.arange(len(gain), device=gain.device)[:, None], frames]
        filtered = self.mel.waveform(spectrum * gain, waveform.size(1))
        valid = (
            torch.arange(waveform.size(1), device=waveform.device) < conditions.mixture_num_samples[:, None]
        )
        return filtered * valid
