"""Where a signal is active, in frames of 10 ms, judged by its level alone."""

import numpy as np

FRAME = 160  # samples, 10 ms
RANGE_DB = 30.0  # below the loudest frame; recordings of read speech have their noise floor lower


def frame_energy(samples: np.ndarray) -> np.ndarray:
    """Energy of consecutive frames, (T,); the last frame is filled with zeros."""
    padded = np.pad(samples, (0, -len(samples) % FRAME))
    return np.square(padded).reshape(-1, FRAME).sum(axis=1)


def active_frames(samples: np.ndarray, loudest: float | None = None) -> np.ndarray:
    """Which frames of a signal, its mean removed, are less than 30 dB below the loudest, (T,) bool.

    A constant offset, which nobody hears, would fill the pauses.

    Args:
        samples: (N,), not empty.
        loudest: energy to compare with instead of that of the signal's own loudest frame.
    """
    energy = frame_energy(samples - np.mean(samples))
    loudest = energy.max() if loudest is None else loudest
    return energy > loudest * 10 ** (-RANGE_DB / 10)


def overlap_ratio(target: np.ndarray, *interferers: np.ndarray) -> float:
    """Share of the frames with any speech in which target and an interferer speak at once, 0 to 1.

    Args:
        target: (N,).
        interferers: signals on the same time axis; what is shorter is silent at its end.
    """
    masks = [active_frames(signal) for signal in (target, *interferers)]
    length = max(map(len, masks))
    masks = [np.pad(mask, (0, length - len(mask))) for mask in masks]
    other = np.any(masks[1:], axis=0)
    return float(np.mean((masks[0] & other)[masks[0] | other]))
