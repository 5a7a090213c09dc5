"""What a system removes from a spectrogram and what it adds (Mask2Flow-TSE, arXiv:2603.12837)."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Change:
    """Sums over bands and frames, and over all spectrograms that are added."""

    deleted: float = 0.0  # of max(A - Z, 0)
    inserted: float = 0.0  # of max(Z - A, 0)

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        """Take the way from A to Z, two spectrograms of one shape, into the sums.

        Raises:
            ValueError: they are of different shapes.
        """
        if before.shape != after.shape:
            raise ValueError(f"spectrograms of {before.shape} and {after.shape} cannot be compared.")
        difference = after.astype(np.float64) - before
        self.deleted += float(-difference[difference < 0].sum())
        self.inserted += float(difference[difference > 0].sum())

    @property
    def deletion(self) -> float | None:
        """Share of what was removed in all that was changed; None where nothing was."""
        total = self.deleted + self.inserted
        return self.deleted / total if total else None


def of_unit_norm(spectrogram: np.ndarray) -> np.ndarray:
    """Divided by its Euclidean norm, which makes levels of spectrograms comparable; silence stays."""
    norm = np.linalg.norm(spectrogram)
    return spectrogram / norm if norm else spectrogram
