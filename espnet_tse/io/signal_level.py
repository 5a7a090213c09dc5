"""Statistics of a signal that comes in pieces."""

import math
from typing import Iterable, Iterator

import numpy as np


class SignalLevel:
    """Mean, norm and extremes of the samples so far."""

    def __init__(self) -> None:
        self.num_samples = 0
        self.total, self.squares = 0.0, 0.0
        self.highest, self.lowest = -math.inf, math.inf

    def add(self, samples: np.ndarray) -> None:
        """Count (n,) samples, which may be none."""
        if not len(samples):
            return
        self.num_samples += len(samples)
        self.total += float(samples.sum(dtype=np.float64))
        self.squares += float(np.square(samples, dtype=np.float64).sum())
        self.highest = max(self.highest, float(samples.max()))
        self.lowest = min(self.lowest, float(samples.min()))

    def of(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The blocks, counted as they pass."""
        for block in blocks:
            self.add(block)
            yield block

    @property
    def mean(self) -> float:
        return self.total / max(1, self.num_samples)

    @property
    def std(self) -> float:
        return self.norm(self.mean) / math.sqrt(max(1, self.num_samples))

    def norm(self, offset: float = 0.0) -> float:
        """Euclidean norm without ``offset``, which is 0 or the mean."""
        return math.sqrt(max(0.0, self.squares - self.num_samples * offset**2))

    def peak(self, offset: float = 0.0) -> float:
        """Largest absolute sample without ``offset``."""
        return max(0.0, self.highest - offset, offset - self.lowest)
