"""STOI and ESTOI on the first stages of pystoi, computed once for both: rate, silent frames, bands.

Operations have pystoi's order: in segments that are partly silent, ESTOI shows their rounding in the fifth decimal.
"""

from functools import lru_cache

import numpy as np

from espnet_tse.scoring.measure.failure import REF, MetricFault

SEGMENT = 30  # frames
LOWEST_SDR_DB = -15.0
EPS = np.finfo(float).eps


def stoi(target: np.ndarray, estimate: np.ndarray, rate: int, extended: bool) -> float:
    """Intelligibility, 0..1 (slightly negative values are possible for uncorrelated signals).

    Args:
        target: (N,).
        estimate: (N,).
        rate: Hz.
        extended: ESTOI (Jensen and Taal 2016) instead of STOI (Taal et al. 2011).
    Raises:
        ValueError: different lengths.
        MetricFault: fewer than 30 active frames in the target (pystoi returns 1e-5 there, which must
            never be averaged).
    """
    if target.shape != estimate.shape:
        raise ValueError(f"target {target.shape} and estimate {estimate.shape} must have one shape.")
    bands = _bands(target.astype(np.float64).tobytes(), estimate.astype(np.float64).tobytes(), rate)
    if bands.shape[-1] < SEGMENT:
        raise MetricFault(REF, "stoi: fewer than 30 active frames in the target")
    segments = np.lib.stride_tricks.sliding_window_view(bands, SEGMENT, axis=2)
    segments = np.ascontiguousarray(segments.swapaxes(1, 2))  # (2, J, 15, SEGMENT)
    return _estoi(*segments) if extended else _stoi(*segments)


@lru_cache(maxsize=1)
def _bands(target: bytes, estimate: bytes, rate: int) -> np.ndarray:
    """Magnitudes (2, 15, T) in one-third octaves of the frames in which the target is not silent; bytes of float64."""
    from pystoi import utils
    from pystoi.stoi import DYN_RANGE, FS, N_FRAME, NFFT, OBM

    signals = [np.frombuffer(samples) for samples in (target, estimate)]
    if rate != FS:
        signals = [utils.resample_oct(samples, FS, rate) for samples in signals]
    signals = np.stack(utils.remove_silent_frames(*signals, DYN_RANGE, N_FRAME, N_FRAME // 2))
    # Without the last frame, as there.
    frames = np.lib.stride_tricks.sliding_window_view(signals, N_FRAME, axis=1)[:, : -1 : N_FRAME // 2]
    spectra = np.fft.rfft(frames * np.hanning(N_FRAME + 2)[1:-1], NFFT)
    return np.stack([np.sqrt(OBM @ np.square(np.abs(spectrum.T))) for spectrum in spectra])


def _stoi(target: np.ndarray, estimate: np.ndarray) -> float:
    """Mean correlation over time of the bands of segments (J, 15, 30), the estimate's scaled and clipped."""
    estimate = estimate * (_norm(target, 2) / (_norm(estimate, 2) + EPS))
    estimate = np.minimum(estimate, target * (1 + 10 ** (-LOWEST_SDR_DB / 20)))
    centred = (values - values.mean(axis=2, keepdims=True) for values in (target, estimate))
    one, other = (values / (_norm(values, 2) + EPS) for values in centred)
    return float(np.sum(one * other) / (target.shape[0] * target.shape[1]))


def _estoi(target: np.ndarray, estimate: np.ndarray) -> float:
    """Mean correlation of the segments (J, 15, 30), normalised over time and then over the bands."""
    # pystoi's noise, from a seed of ours: with digital silence in the estimate it shows in the third decimal.
    noise = np.random.RandomState(0)
    one, other = (_normalized(_normalized(values, 2, noise), 1, noise) for values in (target, estimate))
    return float(np.sum(one * other) / (target.shape[0] * SEGMENT))


def _normalized(values: np.ndarray, axis: int, noise: np.random.RandomState) -> np.ndarray:
    values = values + EPS * noise.standard_normal(values.shape)
    values -= values.mean(axis=axis, keepdims=True)
    return values * (1 / _norm(values, axis))


def _norm(values: np.ndarray, axis: int) -> np.ndarray:
    return np.sqrt(np.sum(np.square(values), axis=axis, keepdims=True))
