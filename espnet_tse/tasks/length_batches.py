"""Utterances of similar length together, so that little of a batch is padding."""

from typing import Collection

from espnet_tse.io.audio_entry import AudioError, AudioInfo, read_info
from espnet_tse.io.faults import refuse_all


def read_infos(keys: list[str], paths: dict[str, str]) -> dict[str, AudioInfo]:
    """Headers by key.

    Raises:
        DataError: files of ``paths`` are not readable as audio; names their keys.
    """
    infos, faults = {}, []
    for key in keys:
        try:
            infos[key] = read_info(paths[key])
        except AudioError as error:
            faults.append(f"key '{key}': {error}")
    refuse_all(faults)
    return infos


def length_batches(infos: dict[str, AudioInfo], batch_size: int) -> list[list[str]]:
    """Batches of keys sorted by duration; the same for any order of ``infos``."""
    ordered = sorted(infos, key=lambda key: (infos[key].num_samples / infos[key].sample_rate, key))
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]


def unfinished(batches: list[list[str]], todo: Collection[str]) -> list[list[str]]:
    """Batches with a key of ``todo``, for a run that goes on.

    Whole ones, though some of their keys may be done: with other batch mates a row's last bits are others.
    """
    return [batch for batch in batches if any(key in todo for key in batch)]
