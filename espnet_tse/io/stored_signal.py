"""A long signal in a nameless file, so that memory does not grow with it."""

import math
import os
import tempfile
from pathlib import Path
from typing import Iterator

import numpy as np

from espnet_tse.io.audio_entry import BLOCK
from espnet_tse.io.files import naming

WIDTH = 4  # bytes of a float32


class StoredSignal:
    """float32 samples that are appended and read in spans; the file is gone with the object or the process."""

    def __init__(self, folder: Path):
        """
        Args:
            folder: where the file lies, on a disk that has room for it; is created.
        Raises:
            OSError: the folder cannot be written; names it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with naming(folder):
            self.file = tempfile.TemporaryFile(dir=folder)
        self.num_samples = 0
        self.total, self.squares = 0.0, 0.0
        self.highest, self.lowest = -math.inf, math.inf

    def append(self, samples: np.ndarray) -> None:
        """Add (n,) at the end.

        Raises:
            OSError: the disk is full; names the folder.
        """
        if not len(samples):
            return
        samples = np.ascontiguousarray(samples, np.float32)
        with naming(self.folder):
            self.file.seek(0, os.SEEK_END)
            self.file.write(samples)
            self.file.flush()
        self.num_samples += len(samples)
        self.total += float(samples.sum(dtype=np.float64))
        self.squares += float(np.square(samples, dtype=np.float64).sum())
        self.highest = max(self.highest, float(samples.max()))
        self.lowest = min(self.lowest, float(samples.min()))

    def span(self, start: int, num_samples: int) -> np.ndarray:
        """(num_samples,) from ``start`` on, or as many as there are."""
        self.file.seek(start * WIDTH)
        return np.frombuffer(bytearray(self.file.read(num_samples * WIDTH)), np.float32)

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, (n,) after each other."""
        for start in range(0, self.num_samples, BLOCK):
            yield self.span(start, BLOCK)

    @property
    def mean(self) -> float:
        return self.total / max(1, self.num_samples)

    def norm(self, offset: float = 0.0) -> float:
        """Euclidean norm without ``offset``, which is 0 or the mean."""
        return math.sqrt(max(0.0, self.squares - self.num_samples * offset**2))

    def peak(self, offset: float = 0.0) -> float:
        """Largest absolute sample without ``offset``."""
        return max(0.0, self.highest - offset, offset - self.lowest)
