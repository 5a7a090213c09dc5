"""One integer lag between estimate and target, by FFT cross-correlation."""

from dataclasses import replace

import numpy as np

from espnet_tse.scoring.measure.audio import Signal

MAX_LAG_S = 0.1


def best_lag(target: np.ndarray, estimate: np.ndarray, rate: int) -> int:
    """Delay of the estimate in samples (positive: late), within +-100 ms.

    The maximum of the absolute correlation, so that an inverted estimate is aligned as well.

    Args:
        target: (N,).
        estimate: (M,).
        rate: Hz.
    """
    max_lag = round(MAX_LAG_S * rate)
    target, estimate = target - np.mean(target), estimate - np.mean(estimate)
    size = 1 << (max(len(target), len(estimate)) + max_lag).bit_length()
    cross = np.fft.irfft(np.fft.rfft(estimate, size) * np.conj(np.fft.rfft(target, size)), size)
    lags = np.arange(-max_lag, max_lag + 1)
    return int(lags[np.argmax(np.abs(cross[lags]))])


def earlier(signal: Signal, lag: int) -> Signal:
    """A signal ``lag`` samples earlier; what it was resampled from moves by the same time, to its nearest sample."""
    read = signal.origin
    if read is not None:
        read = read.with_samples(shift(read.samples, round(lag * read.rate / signal.rate)))
    return replace(signal, samples=shift(signal.samples, lag), origin=read)


def shift(samples: np.ndarray, lag: int) -> np.ndarray:
    """Move (N,) samples ``lag`` samples earlier, filling with zeros and keeping the length."""
    moved = np.zeros_like(samples)
    if abs(lag) >= len(samples):
        return moved
    if lag >= 0:
        moved[: len(samples) - lag] = samples[lag:]
    else:
        moved[-lag:] = samples[:lag]
    return moved
