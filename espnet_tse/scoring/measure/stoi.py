"""STOI and ESTOI through pystoi, deterministic and with its silent failure made loud."""

import warnings

import numpy as np

from espnet_tse.scoring.measure.failure import REF, MetricFault


def stoi(target: np.ndarray, estimate: np.ndarray, rate: int, extended: bool) -> float:
    """Intelligibility, 0..1 (slightly negative values are possible for uncorrelated signals).

    Args:
        target: (N,).
        estimate: (N,).
        rate: Hz; pystoi resamples to 10 kHz itself.
        extended: ESTOI (Jensen and Taal 2016) instead of STOI (Taal et al. 2011).
    Raises:
        MetricFault: fewer than 30 active frames in the target (pystoi returns 1e-5 there, which must
            never be averaged).
    """
    import pystoi

    state = np.random.get_state()
    try:
        # ESTOI adds noise from numpy's global generator; with digital silence in the estimate it shows
        # in the third decimal.
        np.random.seed(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = float(pystoi.stoi(target, estimate, rate, extended=extended))
    finally:
        np.random.set_state(state)
    if any("Not enough STFT frames" in str(warning.message) for warning in caught):
        raise MetricFault(REF, "stoi: fewer than 30 active frames in the target")
    return value
