"""Input of speech networks: float32 within full scale, long enough, not too long."""

import numpy as np

RATE = 16000


def full_scale(samples: np.ndarray) -> np.ndarray:
    """(N,) float32, clipped to +-1 (``beyond_full_scale`` is flagged and counted elsewhere)."""
    return np.clip(samples, -1.0, 1.0).astype(np.float32)


def repeated(samples: np.ndarray, shortest: int, num_samples: int = RATE // 2) -> np.ndarray:
    """Fewer than ``shortest`` samples are repeated to ``num_samples``; others stay as they are."""
    return np.resize(samples, num_samples) if len(samples) < shortest else samples


def equal_parts(samples: np.ndarray, longest: int, part: int) -> list[np.ndarray]:
    """The signal whole, or above ``longest`` samples cut into equal parts of at most ``part``."""
    count = 1 if len(samples) <= longest else -(-len(samples) // part)
    return np.array_split(samples, count)
