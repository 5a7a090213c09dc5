"""A-weighting: a filter that hears frequencies as loud as ears do."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_TAPS = 101
NUM_POINTS = 512  # of the curve that the filter is fitted to; firls wants an even number


def a_weight(frequency: np.ndarray) -> np.ndarray:
    """Gain of the A curve at frequencies in Hz, 1 at 1 kHz (IEC 61672-1)."""
    squared = np.square(frequency)
    gain = 12194.0**2 * squared**2
    gain /= (squared + 20.6**2) * (squared + 12194.0**2)
    gain /= np.sqrt((squared + 107.7**2) * (squared + 737.9**2))
    return gain * 10 ** (2.0 / 20)


class AWeighting(nn.Module):
    """(B, N) -> (B, N) by a symmetric filter of 101 taps, as arXiv:2505.19314 weights both signals of its loss."""

    def __init__(self, sample_rate: int):
        from scipy.signal import firls

        super().__init__()
        frequencies = np.linspace(0.0, sample_rate / 2, NUM_POINTS)
        # Least squares: of filters as short, one by a window passes 3 dB more at 100 Hz than the curve does.
        taps = firls(NUM_TAPS, frequencies, a_weight(frequencies), fs=sample_rate)
        self.register_buffer("taps", torch.from_numpy(taps).float()[None, None], persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        # Rounded to bfloat16, as a convolution would be, signals that are alike would differ by the rounding.
        with torch.autocast(waveform.device.type, enabled=False):
            return F.conv1d(waveform[:, None].float(), self.taps, padding=NUM_TAPS // 2)[:, 0]
