"""A log-mel spectrogram that is nowhere negative, so that a mask in [0, 1] can only remove energy."""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from espnet_tse.layers.sequence_norm import zero_padding
from espnet_tse.schema import Frames
from espnet_tse.schema.padding import valid_mask

MIXTURE_RMS = 0.05  # level at which signals are analysed


@dataclass(frozen=True)
class ShiftedLogMelConfig:
    """The analysis of Mask2Flow-TSE (arXiv:2603.12837): 80 bands at 100 Hz; floor and divisor are ours."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 512
    window_length: int = 400  # samples
    hop_length: int = 160  # samples
    num_mels: int = 80
    power_floor: float = 1e-4  # epsilon
    divisor: float = 4.0  # s

    def __post_init__(self):
        sizes = (self.sample_rate, self.n_fft, self.window_length, self.hop_length, self.num_mels)
        if min(sizes) < 1 or self.window_length > self.n_fft or 2 * self.hop_length > self.window_length:
            raise ValueError(
                f"sizes of a mel spectrogram must be positive, with hop_length at most half of window_length, and "
                f"that at most n_fft: {self}."
            )
        if min(self.power_floor, self.divisor) <= 0:
            raise ValueError(f"power_floor and divisor must be positive: {self}.")


class ShiftedLogMel(nn.Module):
    """X = (ln(P + e) - ln e) / s of the powers P in mel bands, 0 in silence.

    arXiv:2603.12837, Eq. 9 multiplies a log-mel by a mask. Where a log-mel is negative this would add energy; shifted
    by its floor it is not (the paper leaves base and offset open).
    """

    def __init__(self, config: ShiftedLogMelConfig):
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.window_length), persistent=False)
        filters = melscale_fbanks(
            config.n_fft // 2 + 1, 0.0, config.sample_rate / 2, config.num_mels, config.sample_rate
        )
        self.register_buffer("filters", filters, persistent=False)  # (F, num_mels)

    @property
    def analysis(self) -> ShiftedLogMelConfig:
        """The analysis alone, where ``config`` has more."""
        names = [field.name for field in fields(ShiftedLogMelConfig)]
        return ShiftedLogMelConfig(**{name: getattr(self.config, name) for name in names})

    @property
    def frame_rate(self) -> float:
        """Hz."""
        return self.config.sample_rate / self.config.hop_length

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """1 + N // hop_length."""
        return 1 + num_samples // self.config.hop_length

    def gain(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """(B, 1) factors that bring signals to ``MIXTURE_RMS``; 1 for silence."""
        valid = valid_mask(lengths, waveform.size(1))
        rms = ((waveform * valid).square().sum(dim=1) / lengths).sqrt()
        return torch.where(rms > 0, MIXTURE_RMS / rms.clamp_min(1e-20), 1.0)[:, None]

    def spectrum(self, waveform: Tensor) -> Tensor:
        """(B, N), zeros at padding -> (B, T, F) complex, centred frames with zeros around the signal."""
        conf = self.config
        with torch.autocast(waveform.device.type, enabled=False):
            return torch.stft(
                waveform.float(),
                conf.n_fft,
                conf.hop_length,
                conf.window_length,
                window=self.window,
                pad_mode="constant",
                return_complex=True,
            ).transpose(1, 2)

    def waveform(self, spectrum: Tensor, num_samples: int) -> Tensor:
        """The inverse of ``spectrum``: (B, num_samples)."""
        conf = self.config
        return torch.istft(
            spectrum.transpose(1, 2),
            conf.n_fft,
            conf.hop_length,
            conf.window_length,
            window=self.window,
            length=num_samples,
        )

    def forward(self, waveform: Tensor, lengths: Tensor, gain: Tensor | None = None) -> Frames:
        """Frames of a zero-padded batch, each row as if it were alone.

        Args:
            waveform: (B, N).
            lengths: (B,) int64, samples.
            gain: (B, 1), of another signal whose level decides; None for its own.
        Returns:
            (B, T, num_mels), 0 or more; zeros at padding.
        """
        waveform = waveform * valid_mask(lengths, waveform.size(1))
        spectrum = self.spectrum(waveform * (self.gain(waveform, lengths) if gain is None else gain))
        with torch.autocast(waveform.device.type, enabled=False):
            power = (spectrum.real.square() + spectrum.imag.square()) @ self.filters
            # log1p, not a difference of logarithms: silence is 0 to the last bit.
            values = torch.log1p(power / self.config.power_floor) / self.config.divisor
        num_frames = self.num_frames(lengths)
        return Frames(zero_padding(values, num_frames), num_frames, self.frame_rate)

    def power(self, values: Tensor) -> Tensor:
        """The powers P of (..., num_mels); the inverse of what ``forward`` does to them."""
        return self.config.power_floor * torch.expm1(values.clamp_max(self.ceiling) * self.config.divisor)

    @property
    def ceiling(self) -> float:
        """No signal's value: beyond, float32 has no power."""
        return (math.log(1e30) - math.log(self.config.power_floor)) / self.config.divisor
