"""Speaker embeddings that another model extracted beforehand."""

from pathlib import Path

import numpy as np

from espnet_tse.io.audio_entry import is_pipe, is_plain_file
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
                f"{self.scp}: lacks embeddings of {len(missing)} of {len(keys)} enrollments, first "
                f"'{missing[0]}'; extract them with the model that made the others."
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
        except Exception as error:  # numpy and kaldiio raise many kinds for a damaged file
            raise DataError(
                f"{self.scp}: key '{key}': {entry} cannot be read ({error}); fix the line, or extract it "
                "again."
            ) from None
        if vector.squeeze().ndim != 1 or not np.issubdtype(vector.dtype, np.floating):
            raise DataError(
                f"{self.scp}: key '{key}': {entry} holds {vector.dtype} {vector.shape}, want a float vector; "
                "fix the line."
            )
        if not np.isfinite(vector).all():
            raise DataError(
                f"{self.scp}: key '{key}': {entry} holds NaN or infinite values; extract it again."
            )
        return vector.squeeze().astype(np.float32)


def read_vector(entry: str) -> np.ndarray:
    """The array of a ``.npy`` file, or of a Kaldi archive at ``file.ark:offset``.

    Raises:
        ValueError: a command, or an archive that holds something else there; kaldiio would run the one and
            unpickle the other. Damaged files raise many other kinds.
    """
    if is_pipe(entry) or entry.lstrip().startswith("|"):
        raise ValueError("it is a command; write its output to a file")
    if is_plain_file(entry):
        return np.load(entry, allow_pickle=False)
    path, _, offset = entry.rpartition(":")
    with open(path, "rb") as file:
        file.seek(int(offset))
        if not file.read(3).startswith((b"\0B", b"NPY")):
            raise ValueError(f"no vector begins at byte {offset} of the archive")
    import kaldiio

    return kaldiio.load_mat(entry)
