"""Complex spectra as real frames, at a level that does not depend on the recording's."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.layers.sequence_norm import zero_padding
from espnet_tse.layers.stft import STFT
from espnet_tse.schema import Frames
from espnet_tse.schema.padding import valid_mask

SMALLEST_POWER = 1e-6  # of a bin, below which compression is linear; white noise of RMS 1 has 1


@dataclass(frozen=True)
class SpectralFramesConfig:
    """Window, hop and compression are ours."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 512
    hop_length: int = 128  # samples
    exponent: float = 1.0  # of the magnitudes; phases stay

    def __post_init__(self):
        if self.sample_rate < 1:
            raise ValueError(f"sample_rate is {self.sample_rate}, want Hz, a positive whole number.")
        STFT(self.n_fft, self.hop_length)  # its checks
        if not 0.0 < self.exponent <= 1.0:
            raise ValueError(f"exponent is {self.exponent}, want a number in (0, 1].")


class SpectralFrames(nn.Module):
    """S |S|^(p-1) of the complex STFT S, all real parts of a frame and then all imaginary parts; and the way back.

    White noise of RMS 1 has bins of mean power 1 before compression.
    """

    def __init__(self, config: SpectralFramesConfig):
        super().__init__()
        self.config = config
        self.stft = STFT(config.n_fft, config.hop_length)
        self.scale = float(self.stft.window.square().sum().rsqrt())

    @property
    def num_bins(self) -> int:
        """F."""
        return self.stft.num_bins

    @property
    def frame_rate(self) -> float:
        """Hz."""
        return self.config.sample_rate / self.config.hop_length

    def forward(self, waveform: Tensor, lengths: Tensor, gain: Tensor | None = None) -> Frames:
        """Frames of a zero-padded batch, each row as if it were alone.

        Args:
            waveform: (B, N).
            lengths: (B,) int64, samples.
            gain: (B,) factors of the samples; None for ``unit_gain`` of the signal itself.
        Returns:
            (B, T, 2F), zeros at padding.
        """
        gain = unit_gain(waveform, lengths) if gain is None else gain
        waveform = waveform.float() * valid_mask(lengths, waveform.size(1)) * gain[:, None]
        maps = compressed(self.stft.analyze(waveform) * self.scale, self.config.exponent)
        num_frames = self.stft.num_frames(lengths)
        values = maps.movedim(-1, 2).flatten(2)[:, : int(num_frames.max())]
        return Frames(zero_padding(values, num_frames), num_frames, self.frame_rate)

    def waveform(self, values: Tensor, num_samples: int) -> Tensor:
        """The least-squares inverse: (B, T, 2F) -> (B, num_samples)."""
        maps = values.float().unflatten(2, (2, self.num_bins)).movedim(2, -1)
        return self.stft.synthesize(expanded(maps, self.config.exponent) / self.scale, num_samples)


def compressed(maps: Tensor, exponent: float) -> Tensor:
    """S (|S|^2 + e)^((p - 1) / 2), smooth at 0: (..., 2) -> (..., 2)."""
    if exponent == 1.0:
        return maps
    power = maps.square().sum(dim=-1, keepdim=True)
    return maps * (power + SMALLEST_POWER) ** ((exponent - 1.0) / 2)


def expanded(maps: Tensor, exponent: float) -> Tensor:
    """S |S|^(1 / p - 1), the inverse of ``compressed`` for bins well above its floor."""
    if exponent == 1.0:
        return maps
    power = maps.square().sum(dim=-1, keepdim=True)
    return maps * power.clamp_min(1e-20) ** ((1.0 / exponent - 1.0) / 2)


def rms(waveform: Tensor, lengths: Tensor) -> Tensor:
    """(B,) over each row's first ``lengths`` samples of (B, N)."""
    valid = valid_mask(lengths, waveform.size(1))
    return ((waveform.float() * valid).square().sum(dim=1) / lengths).sqrt()


def unit_gain(waveform: Tensor, lengths: Tensor) -> Tensor:
    """(B,) factors that bring signals (B, N) to an RMS of 1; 1 for silence."""
    level = rms(waveform, lengths)
    return torch.where(level > 0, 1.0 / level.clamp_min(1e-20), 1.0)
