"""Slaney mel spectrogram in numpy, equal to librosa's default one without importing librosa.

librosa compiles parts of itself on first use (14 s measured on a cold, busy host); the two networks
that need mel bands here are served by 40 lines.
"""

from functools import lru_cache

import numpy as np

_HZ_PER_MEL = 200.0 / 3  # below 1 kHz the Slaney scale is linear
_LOG_STEP = np.log(6.4) / 27  # above, 27 mels per factor of 6.4
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0


def _hz(mel: np.ndarray) -> np.ndarray:
    linear = mel * _HZ_PER_MEL
    return np.where(mel >= _KNEE_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL)), linear)


def _mel(hz: float) -> float:
    if hz < _KNEE_HZ:
        return hz / _HZ_PER_MEL
    return _KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP


@lru_cache(maxsize=4)
def mel_filters(sample_rate: int, n_fft: int, num_bands: int) -> np.ndarray:
    """Triangular filters of unit area from 0 Hz to Nyquist, (num_bands, n_fft // 2 + 1)."""
    edges = _hz(np.linspace(0.0, _mel(sample_rate / 2), num_bands + 2))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    slopes = (edges[:, None] - bins[None, :]) / np.diff(edges, append=np.inf)[:, None]
    rising = -slopes[:-2]
    falling = (edges[2:, None] - bins[None, :]) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    return filters * (2 / (edges[2:] - edges[:-2]))[:, None]


def mel_power(samples: np.ndarray, sample_rate: int, n_fft: int, hop: int, num_bands: int) -> np.ndarray:
    """Power mel spectrogram, periodic Hann window, centred frames with zero padding.

    Args:
        samples: (N,).
    Returns:
        (T, num_bands), T = 1 + (N + 2 * (n_fft // 2) - n_fft) // hop.
    """
    padded = np.pad(samples, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return power @ mel_filters(sample_rate, n_fft, num_bands).T
