"""Scale-invariant signal-to-distortion ratio (Le Roux et al., ICASSP 2019), = SI-SNR with means removed."""

import numpy as np

CLAMP_DB = 100.0


def si_sdr(target: np.ndarray, estimate: np.ndarray) -> float:
    """10 log10(|a r|^2 / |e - a r|^2) with a = <e, r> / <r, r>, both means removed.

    Args:
        target: r, (N,).
        estimate: e, (N,).
    Returns:
        dB, clamped to +-100.
    Raises:
        ValueError: different lengths.
    """
    if target.shape != estimate.shape:
        raise ValueError(f"target {target.shape} and estimate {estimate.shape} must have one shape.")
    target = target - np.mean(target)
    estimate = estimate - np.mean(estimate)
    energy = np.dot(target, target)
    if energy == 0:
        return -CLAMP_DB
    # No epsilon in the ratio: one inside the logarithm would move silent estimates (to -160 dB in
    # some toolkits, to 0 dB in others); the clamp says the same thing openly.
    aligned = np.dot(estimate, target) / energy * target
    residual = estimate - aligned
    signal, noise = np.dot(aligned, aligned), np.dot(residual, residual)
    if signal == 0:
        return -CLAMP_DB
    if noise == 0:
        return CLAMP_DB
    return float(np.clip(10 * np.log10(signal / noise), -CLAMP_DB, CLAMP_DB))
