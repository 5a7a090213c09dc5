"""Speaker embeddings that another model extracted beforehand."""

import re
from pathlib import Path

import numpy as np

from espnet_tse.io.scp import DataError, read_scp


class EmbeddingStore:
    """An scp of vectors: ``key file.npy`` or ``key file.ark:offset``, read when asked for."""

    def __init__(self, scp: Path | str):
        self.scp, self.paths = Path(scp), read_scp(scp)

    def require(self, keys: list[str]) -> None:
        """Raise DataError where a key has no embedding."""
        missing = [key for key in keys if key not in self.paths]
        if missing:
            raise DataError(
                f"{self.scp}: lacks embeddings of {len(missing)} of {len(keys)} enrollments, first '{missing[0]}'; "
                "extract them with the model that made the others."
            )

    def load(self, key: str) -> np.ndarray:
        """(E,) float32.

        Raises:
            DataError: no such key, unreadable, no vector, or NaN.
        """
        self.require([key])
        entry = self.paths[key]
        try:
            vector = read_vector(entry)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"{self.scp}: key '{key}': {entry} cannot be read ({error}); extract it again."
            ) from None
        if vector.squeeze().ndim != 1 or not np.issubdtype(vector.dtype, np.floating):
            raise DataError(
                f"{self.scp}: key '{key}': {entry} holds {vector.dtype} {vector.shape}, want a float vector; fix the line."
            )
        if not np.isfinite(vector).all():
            raise DataError(
                f"{self.scp}: key '{key}': {entry} holds NaN or infinite values; extract it again."
            )
        return vector.squeeze().astype(np.float32)


def read_vector(entry: str) -> np.ndarray:
    """The array of a ``.npy`` file, or of a Kaldi archive at ``file.ark:offset``."""
    if re.search(r":\d+$", entry) is None or Path(entry).exists():
        return np.load(entry, allow_pickle=False)
    import kaldiio

    return kaldiio.load_mat(entry)
