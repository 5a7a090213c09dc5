"""SDR of BSSEval v3 for one source (Vincent et al., 2006): a 512-tap filter of the target is allowed.

Computed from the coherence as in Scheibler, "SDR - medium rare with fast computations" (2022,
arXiv:2110.06440). Written here in numpy because importing the fast_bss_eval package loads torch.
"""

import numpy as np

from espnet_tse.scoring.measure.failure import REF, MetricFault

TAPS = 512
CLAMP_DB = 100.0


def sdr(target: np.ndarray, estimate: np.ndarray) -> float:
    """10 log10(c / (1 - c)), c = the share of the estimate's energy that 512 taps of the target explain.

    Args:
        target: (N,).
        estimate: (N,).
    Returns:
        dB, clamped to +-100.
    Raises:
        ValueError: different lengths.
        MetricFault: the target's normal equations are singular.
    """
    if target.shape != estimate.shape:
        raise ValueError(f"target {target.shape} and estimate {estimate.shape} must have one shape.")
    # Means stay, as in BSSEval v3: an offset of the estimate is what no filter of the target explains.
    target_norm, estimate_norm = np.linalg.norm(target), np.linalg.norm(estimate)
    if estimate_norm == 0:
        return -CLAMP_DB
    if target_norm == 0:
        raise MetricFault(REF, "sdr: the target has no energy")
    target, estimate = target / target_norm, estimate / estimate_norm

    size = 1 << (len(target) + TAPS - 1).bit_length()
    target_spectrum = np.fft.rfft(target, size)
    auto = np.fft.irfft(np.abs(target_spectrum) ** 2, size)[:TAPS]
    cross = np.fft.irfft(np.conj(target_spectrum) * np.fft.rfft(estimate, size), size)[:TAPS]
    lags = np.abs(np.arange(TAPS)[:, None] - np.arange(TAPS)[None, :])
    try:
        taps = np.linalg.solve(auto[lags], cross)
    except np.linalg.LinAlgError as error:
        raise MetricFault(REF, f"sdr: {error} (the matrix holds the target alone)") from error
    coherence = float(np.dot(cross, taps))
    # Rounding may push a perfect estimate past 1 (or a hopeless one below 0): the clamp is the answer.
    floor = 1 / (1 + 10 ** (CLAMP_DB / 10))
    coherence = min(max(coherence, floor), 1 - floor)
    return float(np.clip(10 * np.log10(coherence / (1 - coherence)), -CLAMP_DB, CLAMP_DB))
