"""Mel filters."""

import math

import torch
from torch import Tensor


def slaney_mel_filters(sample_rate: int, n_fft: int, num_mels: int, lowest_hz: float = 0.0) -> Tensor:
    """Triangular filters of unit area on Slaney's mel scale (Auditory Toolbox, 1998).

    The scale is linear with 200/3 Hz a mel below 1 kHz; above, each mel multiplies the frequency by
    6.4^(1/27). Triangle k has height 2 / (f_{k+2} - f_k).

    Args:
        lowest_hz: where the first triangle begins; the last one ends at half the sample rate.
    Returns:
        (F, num_mels) float32, F = n_fft // 2 + 1.
    """
    linear_step, break_hz = 200.0 / 3.0, 1000.0
    log_step, break_mel = math.log(6.4) / 27.0, break_hz / linear_step
    nyquist = sample_rate / 2.0

    def mel_of(hz: float) -> float:
        return hz / linear_step if hz < break_hz else break_mel + math.log(hz / break_hz) / log_step

    mels = torch.linspace(mel_of(lowest_hz), mel_of(nyquist), num_mels + 2, dtype=torch.float64)
    above = break_hz * torch.exp(log_step * (mels - break_mel))
    edges = torch.where(mels < break_mel, mels * linear_step, above)
    bins = torch.linspace(0.0, nyquist, n_fft // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp_min(0.0) * (2.0 / (edges[2:] - edges[:-2]))
    return filters.to(torch.float32)
