"""Batches of files of similar length, the same in every run: an interrupted one goes on with the same results."""

from pathlib import Path
from typing import Mapping, Sequence

from espnet_tse.schema.scp import DataError


def length_batches(keys: Sequence[str], paths: Mapping[str, str], batch_size: int) -> list[list[str]]:
    """``keys`` from the shortest file to the longest, so that little is padded and rows of equal length meet.

    Raises:
        DataError: a file of ``paths`` is not readable as audio.
    """
    import soundfile

    def duration_s(key: str) -> float:
        try:
            return soundfile.info(paths[key]).duration
        except soundfile.LibsndfileError as error:
            raise DataError(
                f"key '{key}': {paths[key]} is not readable as audio ({error}); mend its line in the scp, or make "
                "the file again."
            ) from error

    ordered = sorted(keys, key=lambda key: (duration_s(key), key))
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]


def unfinished(batches: list[list[str]], files: Mapping[str, Path]) -> list[list[str]]:
    """Batches with a key whose file is not there.

    Whole ones, though some of their files may be there: with other batch mates a row's last bits are others.
    """
    return [batch for batch in batches if not all(files[key].is_file() for key in batch)]
