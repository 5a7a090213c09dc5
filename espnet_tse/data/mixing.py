"""Sources -> mixture: levels, lengths, noise and room."""

import math
from typing import Callable, Sequence

import numpy as np

LEVEL_KINDS = ("rms", "peak")
# How far below its recording a span counts at most. Speech of a few phones is rarely 15 dB below its utterance, pauses are
# far below it: raised to a ratio that is meant for speech, they would be nothing but loud noise of the recording.
QUIETEST_SPAN_DB = 15.0


def level(signal: np.ndarray, kind: str) -> float:
    """Level of a signal: root mean square, or the largest absolute sample.

    Args:
        signal: (N,) samples.
        kind: ``rms`` or ``peak``.
    """
    if kind == "rms":
        # A dot product: numpy's mean of squares in double takes ten times as long.
        return math.sqrt(float(np.dot(signal, signal)) / max(1, len(signal)))
    if kind == "peak":
        return float(np.abs(signal).max())
    raise ValueError(f"unknown level kind '{kind}'; known: {', '.join(LEVEL_KINDS)}")


def scale_to_ratio(
    target: np.ndarray,
    other: np.ndarray,
    ratio_db: float,
    kind: str,
    whole: Callable[[], np.ndarray] | None = None,
) -> np.ndarray:
    """Scale ``other`` so that 20 log10(level(target) / level(other)) = ``ratio_db``.

    Args:
        whole: the recording that ``other`` is a span of, asked for where the span would be raised by more than
            ``QUIETEST_SPAN_DB``: its level counts as that of the recording less ``QUIETEST_SPAN_DB`` at least.
    Returns:
        ``other`` scaled, (N,); unchanged where either is silent, for then no ratio exists.
    """
    target_level, other_level = level(target, kind), level(other, kind)
    if target_level == 0.0 or other_level == 0.0:
        return other
    gain = target_level / other_level * 10 ** (-ratio_db / 20)
    margin = 10 ** (QUIETEST_SPAN_DB / 20)
    if whole is not None and gain > margin:
        gain *= min(1.0, other_level * margin / level(whole(), kind))
    return other * gain


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
    scaled = [
        scale_to_ratio(target, other, ratio, kind) for other, ratio in zip(others, ratios_db, strict=True)
    ]
    return sum(scaled, start=target), scaled


def reverberate(signal: np.ndarray, impulse_response: np.ndarray) -> np.ndarray:
    """Put a signal into a room without moving or scaling its direct path.

    The strongest tap of the response is taken as the direct path, moved to time 0 and scaled to 1, so
    the dry signal (and its codes) stays aligned with its reverberant image.

    Args:
        signal: (N,) samples.
        impulse_response: (M,) samples, not silent.
    Returns:
        (N,), the tail beyond N cut.
    """
    from scipy.signal import fftconvolve

    direct = int(np.abs(impulse_response).argmax())
    response = impulse_response[direct:] / impulse_response[direct]
    return fftconvolve(signal, response)[: len(signal)].astype(signal.dtype)
