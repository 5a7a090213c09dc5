"""Pairs of a better and a worse token sequence of the same mixture, as ``make-preferences`` writes them."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError, read_scp

PREFERENCES_SCP = "preferences.scp"
# Stream of the targets -> what it holds.
ARRAYS = {
    "better": np.integer,  # (T, 1) codes
    "worse": np.integer,  # (T, 1)
    "predicted_semantic": np.integer,  # (T_s, 1) units that both were drawn given
    "reference": np.floating,  # (1, 2) log-probabilities of both by the model that drew them, nats
}


class PreferenceStore:
    """``preferences.scp`` of a set: key -> ``.npz`` of ``ARRAYS``."""

    def __init__(self, scp: Path, keys: list[str]):
        """
        Raises:
            DataError: a key is lacking.
        """
        self.scp, self.paths = scp, read_scp(scp)
        missing = [key for key in keys if key not in self.paths]
        if missing:
            raise DataError(
                f"{scp}: lacks {len(missing)} of {len(keys)} keys, first '{missing[0]}'; run make-preferences again."
            )

    def load(self, key: str) -> dict[str, np.ndarray]:
        """The arrays of a key, codes as int64 and log-probabilities as float32.

        Raises:
            DataError: unreadable, or of another form.
        """
        path = self.paths[key]
        try:
            with np.load(path, allow_pickle=False) as stored:
                found = {name: stored[name] for name in ARRAYS}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(
                f"{self.scp}: key '{key}': '{path}' cannot be read ({error}); remove it and run make-preferences again."
            ) from None
        for name, kind in ARRAYS.items():
            if found[name].ndim != 2 or not np.issubdtype(found[name].dtype, kind):
                raise DataError(
                    f"{self.scp}: key '{key}': '{path}': {name} is {found[name].dtype} {found[name].shape}; remove it "
                    "and run make-preferences again."
                )
        return {
            name: array.astype(np.int64 if ARRAYS[name] is np.integer else np.float32)
            for name, array in found.items()
        }


def write_preference(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the ``ARRAYS`` of one key."""
    with atomic_write(path, "wb") as file:
        np.savez(file, **{name: arrays[name] for name in ARRAYS})
