"""What a VAE of waveforms is trained for, adversary apart (SoloSpeech, arXiv:2505.19314)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.objective import AbsObjective, Reconstruction
from espnet_tse.layers.a_weighting import AWeighting
from espnet_tse.layers.multi_resolution_stft import multi_resolution_stft


@dataclass(frozen=True)
class VAEObjectiveConfig:
    """Weights of ``VAEObjective``; the paper's, whose released code counts its spectra twice."""

    spectral_weight: float = 1.0
    divergence_weight: float = 1e-4
    waveform_weight: float = 0.0
    window_lengths: tuple[int, ...] = (1280, 640, 320, 160, 80, 40, 20)  # samples; hops are a quarter

    def __post_init__(self):
        object.__setattr__(self, "window_lengths", tuple(self.window_lengths))  # a YAML gives a list
        if min(self.spectral_weight, self.divergence_weight, self.waveform_weight) < 0:
            raise ValueError(f"weights of an objective want 0 or more: {self}.")
        if not self.window_lengths or min(self.window_lengths) < 4:
            raise ValueError(f"window_lengths {list(self.window_lengths)}: want some, of 4 samples or more.")


class VAEObjective(AbsObjective):
    """Spectra of several resolutions as loud as they sound, divergence of the latents, L1 of samples."""

    Config = VAEObjectiveConfig
    makes = "waveform"

    def __init__(self, config: VAEObjectiveConfig, sample_rate: int):
        super().__init__()
        self.config, self.weighting = config, AWeighting(sample_rate)
        self.resolutions = tuple((length, length // 4) for length in config.window_lengths)

    @classmethod
    def from_config(cls, config: VAEObjectiveConfig, sample_rate: int) -> "VAEObjective":
        return cls(config, sample_rate)

    def prepare(self, codec: AbsIdentified, waveform: Tensor) -> None:
        """Everything starts as it was drawn."""

    def forward(self, codec: AbsIdentified, waveform: Tensor, num_codebooks: Tensor | None) -> Reconstruction:
        estimate, target, divergence = codec.coded_and_decoded(waveform, num_codebooks)
        lengths = torch.full_like(target[:, 0], target.size(1), dtype=torch.int64)
        heard = self.weighting(estimate.float()), self.weighting(target)
        stats = dict(
            spectral=multi_resolution_stft(*heard, lengths, self.resolutions),
            divergence=divergence,
            waveform=l1_loss(estimate.float(), target),
        )
        loss = (
            self.config.spectral_weight * stats["spectral"]
            + self.config.divergence_weight * stats["divergence"]
            + self.config.waveform_weight * stats["waveform"]
        )
        return Reconstruction(loss, {name: value.detach() for name, value in stats.items()}, estimate, target)
