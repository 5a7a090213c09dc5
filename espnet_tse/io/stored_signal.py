"""A long signal in a nameless file, so that memory does not grow with it."""

import os
import tempfile
from pathlib import Path
from typing import Iterator

import numpy as np

from espnet_tse.io.audio_entry import BLOCK
from espnet_tse.io.files import naming
from espnet_tse.io.signal_level import SignalLevel

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
        self.level = SignalLevel()

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
        self.level.add(samples)

    def span(self, start: int, num_samples: int) -> np.ndarray:
        """(num_samples,) from ``start`` on, or as many as there are."""
        self.file.seek(start * WIDTH)
        return np.frombuffer(bytearray(self.file.read(num_samples * WIDTH)), np.float32)

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, (n,) after each other."""
        for start in range(0, self.num_samples, BLOCK):
            yield self.span(start, BLOCK)

    @property
    def num_samples(self) -> int:
        return self.level.num_samples
