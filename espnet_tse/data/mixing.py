"""Sources -> mixture: levels, lengths, noise and room."""

from typing import Sequence

import numpy as np

LEVEL_KINDS = ("rms", "peak")


def level(signal: np.ndarray, kind: str) -> float:
    """Level of a signal: root mean square, or the largest absolute sample.

    Args:
        signal: (N,) samples.
        kind: ``rms`` or ``peak``.
    """
    if kind == "rms":
        return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
    if kind == "peak":
        return float(np.abs(signal).max())
    raise ValueError(f"unknown level kind '{kind}'; known: {', '.join(LEVEL_KINDS)}")


def scale_to_ratio(target: np.ndarray, other: np.ndarray, ratio_db: float, kind: str) -> np.ndarray:
    """Scale ``other`` so that 20 log10(level(target) / level(other)) = ``ratio_db``.

    Returns:
        ``other`` scaled, (N,); unchanged where either is silent, for then no ratio exists.
    """
    target_level, other_level = level(target, kind), level(other, kind)
    if target_level == 0.0 or other_level == 0.0:
        return other
    return other * (target_level / other_level * 10 ** (-ratio_db / 20))


def fit_length(signal: np.ndarray, num_samples: int, generator: np.random.Generator) -> np.ndarray:
    """A span of ``num_samples`` samples: cut at a random place, or repeated from a random place."""
    if len(signal) >= num_samples:
        start = int(generator.integers(len(signal) - num_samples + 1))
        return signal[start : start + num_samples]
    start = int(generator.integers(len(signal)))
    repeats = -(-(start + num_samples) // len(signal))
    return np.tile(signal, repeats)[start : start + num_samples]


def mix_sources(
    target: np.ndarray, others: Sequence[np.ndarray], ratios_db: Sequence[float], kind: str = "rms"
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Add interferers to a target that keeps its level.

    Args:
        target: (N,) samples.
        others: interferers or noise, (N,) each.
        ratios_db: target-to-other level ratio of each, dB.
        kind: what a level is, ``rms`` or ``peak``.
    Returns:
        mixture (N,) and the scaled others; mixture = target + sum of others.
    """
    scaled = [scale_to_ratio(target, other, ratio, kind) for other, ratio in zip(others, ratios_db, strict=True)]
    return sum(scaled, start=target), scaled
