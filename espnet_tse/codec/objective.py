"""What a codec is trained for, adversary apart: reconstruction and commitment."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.multi_scale_mel import MultiScaleMelLoss


@dataclass
class Reconstruction:
    """A batch of segments, coded and decoded."""

    loss: Tensor  # scalar
    stats: dict[str, Tensor]  # scalars to log, without gradient
    # What the objective ``makes``, and what it should have been: an adversary hears both.
    estimate: Tensor
    target: Tensor


class AbsObjective(nn.Module, ABC):
    """Loss of one batch of unpadded segments."""

    makes: str  # waveform, (B, N), or spectrum, log magnitudes (B, T, F)

    @abstractmethod
    def forward(self, codec: AbsCodec, waveform: Tensor, num_codebooks: Tensor | None) -> Reconstruction:
        """
        Args:
            codec: in training mode its tables move too.
            waveform: (B, N), of utterances scaled to RMS 1.
            num_codebooks: (B,), codebooks that a row is decoded from; all when None.
        """

    @abstractmethod
    def prepare(self, codec: AbsCodec, waveform: Tensor) -> None:
        """Start values that are computed, not trained, from some minutes of speech (B, N)."""


@dataclass(frozen=True)
class SpectralObjectiveConfig:
    """Weights of ``SpectralObjective``."""

    magnitude_weight: float = 1.0
    magnitude_power: float = 0.3
    commitment_weight: float = 0.25


class SpectralObjective(AbsObjective):
    """L1 of log magnitudes, L1 of compressed magnitudes, commitment; no waveform is made.

    The log hears every bin alike, also the floor between harmonics; the compressed magnitude
    (|S|^0.3) draws it to the peaks that carry the voice.
    """

    Config = SpectralObjectiveConfig
    makes = "spectrum"

    def __init__(self, config: SpectralObjectiveConfig):
        super().__init__()
        self.config = config

    @classmethod
    def from_config(cls, config: SpectralObjectiveConfig, sample_rate: int) -> "SpectralObjective":
        return cls(config)

    def prepare(self, codec: AbsCodec, waveform: Tensor) -> None:
        codec.fit_statistics(waveform)
        fit_tables(codec, codec.log_magnitude(waveform))

    def forward(self, codec: AbsCodec, waveform: Tensor, num_codebooks: Tensor | None) -> Reconstruction:
        target = codec.log_magnitude(waveform)
        estimate, commitment = codec.redrawn(target, num_codebooks)
        power = self.config.magnitude_power
        log_distance = l1_loss(estimate, target)
        magnitude_distance = l1_loss(torch.exp(power * estimate), torch.exp(power * target))
        loss = (
            log_distance
            + self.config.magnitude_weight * magnitude_distance
            + self.config.commitment_weight * commitment
        )
        stats = dict(log_magnitude=log_distance, magnitude=magnitude_distance, commitment=commitment)
        return Reconstruction(loss, {name: value.detach() for name, value in stats.items()}, estimate, target)


@dataclass(frozen=True)
class WaveformObjectiveConfig:
    """Weights of ``WaveformObjective``, those of FunCodec (arXiv 2309.07405, Sec. 2.4)."""

    waveform_weight: float = 1.0
    spectral_weight: float = 1.0
    commitment_weight: float = 1.0
    window_lengths: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)  # samples
    num_mels: int = 64


class WaveformObjective(AbsObjective):
    """L1 of samples, multi-scale mel and power spectra, commitment (arXiv 2309.07405, Sec. 2.4)."""

    Config = WaveformObjectiveConfig
    makes = "waveform"

    def __init__(self, config: WaveformObjectiveConfig, sample_rate: int):
        super().__init__()
        self.config = config
        self.spectral = MultiScaleMelLoss(sample_rate, list(config.window_lengths), config.num_mels)

    @classmethod
    def from_config(cls, config: WaveformObjectiveConfig, sample_rate: int) -> "WaveformObjective":
        return cls(config, sample_rate)

    def prepare(self, codec: AbsCodec, waveform: Tensor) -> None:
        # One that is trained by gradients starts as it was drawn; vocoders have none.
        if hasattr(getattr(codec, "quantizer", None), "fit"):
            fit_tables(codec, waveform)

    def forward(self, codec: AbsCodec, waveform: Tensor, num_codebooks: Tensor | None) -> Reconstruction:
        estimate, target, commitment = codec.coded_and_decoded(waveform, num_codebooks)
        sample_distance, spectral_distance = l1_loss(estimate, target), self.spectral(estimate, target)
        loss = (
            self.config.waveform_weight * sample_distance
            + self.config.spectral_weight * spectral_distance
            + self.config.commitment_weight * commitment
        )
        stats = dict(waveform=sample_distance, spectral=spectral_distance, commitment=commitment)
        return Reconstruction(loss, {name: value.detach() for name, value in stats.items()}, estimate, target)


@torch.no_grad()
def fit_tables(codec: AbsCodec, features: Tensor, rows_at_once: int = 8) -> None:
    """K-means of the quantizer's tables on latents of ``features`` (B, ...), the encoder's input."""
    latents = torch.cat([codec.latents(rows).flatten(0, 1) for rows in features.split(rows_at_once)])
    codec.quantizer.fit(latents)
