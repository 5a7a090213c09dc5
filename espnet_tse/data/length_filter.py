"""Removing utterances that are too short or too long, from all lists of a directory at once."""

import json
import logging
import shutil
from pathlib import Path

from espnet_tse.data.audio_files import read_info
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.scp_fields import (
    MIXING_YAML,
    MIXTURE_SCP,
    NUM_SAMPLES,
    is_source_dir,
    read_keyed,
    read_num_samples,
    turned_round,
)
from espnet_tse.data.source_speakers import single_utterance_speakers
from espnet_tse.io.files import sha256_of, write_json
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.io.visible_files import visible_files

ORIGINALS = ".unfiltered"
LEFT = "left.json"  # in it: list -> sha256 of what the filter has left of it


def _keyed_files(directory: Path) -> list[Path]:
    """The lists that have a line a key."""
    names = sorted(
        path.name
        for path in visible_files(directory, "*")
        if path.is_file() and (path.suffix == ".scp" or path.name.startswith(("utt2", "text")))
    )
    return [directory / name for name in names]


def _hashes(directory: Path) -> dict[str, str]:
    paths = [*_keyed_files(directory), directory / "spk2utt"]
    return {path.name: sha256_of(path) for path in paths if path.is_file()}


def _edited(directory: Path) -> list[str]:
    """Names of the lists that are not any more what the filter has left; without its note, none."""
    note = directory / ORIGINALS / LEFT
    if not note.is_file():
        return []
    left, now = json.loads(note.read_text(encoding="utf-8")), _hashes(directory)
    return sorted(name for name in left.keys() | now.keys() if left.get(name) != now.get(name))


def _keep_originals(directory: Path) -> None:
    """Copy the lists to ``.unfiltered/``, all or none; what was there is kept as ``.unfiltered.old.<n>``."""
    temporary = directory / f"{ORIGINALS}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    for path in [*_keyed_files(directory), directory / "spk2utt"]:
        if path.is_file():
            shutil.copyfile(path, temporary / path.name)
    kept, number = directory / ORIGINALS, 1
    if kept.is_dir():
        while (directory / f"{ORIGINALS}.old.{number}").exists():
            number += 1
        kept.rename(directory / f"{ORIGINALS}.old.{number}")
    temporary.rename(kept)


def filter_by_length(directory: Path, min_duration_s: float, max_duration_s: float) -> dict[str, int]:
    """Keep the keys whose ``wav.scp`` audio lasts min .. max seconds.

    The lists as they were are kept under ``.unfiltered/``, and every run starts from them, so that
    wider bounds bring keys back. Lists that were edited since the last run are where the next one starts from
    instead, with a warning: what an edit has taken away does not come back, nor what the bounds had.

    Returns:
        counts: ``kept``, ``too short``, ``too long``; where mixing.yaml enrolls with another utterance
        also those dropped because their speaker has no other one left.
    Raises:
        DataError: ``utt2num_samples`` is missing or has other keys than ``wav.scp``; nothing is left.
    """
    kept = directory / ORIGINALS
    edited = _edited(directory)
    originals = kept if kept.is_dir() and not edited else directory
    if edited:
        logging.warning(
            f"{directory}: {', '.join(edited)} edited since the last filter, which starts from the lists as they "
            f"are now; rows that earlier bounds dropped do not come back (for those: stage 2 with --force true)"
        )
    wavs = read_scp(originals / MIXTURE_SCP)
    lengths = read_num_samples(originals / NUM_SAMPLES)
    odd = sorted(wavs.keys() ^ lengths.keys())
    if odd or not wavs:
        raise DataError(
            f"{directory}: wav.scp and {NUM_SAMPLES} differ, first '{odd[:1]}'; run stage 2 (format) with --force true, or, if "
            f"you edited its lists, utils/fix_data_dir.sh {directory}."
        )
    first = next(iter(wavs))
    sample_rate = read_info(wavs[first], first).sample_rate
    durations = {key: samples / sample_rate for key, samples in lengths.items()}
    keys = {key for key, duration in durations.items() if min_duration_s <= duration <= max_duration_s}
    counts = {
        "too short": sum(duration < min_duration_s for duration in durations.values()),
        "too long": sum(duration > max_duration_s for duration in durations.values()),
    }
    utt2spk = read_scp(originals / "utt2spk")
    nameless = sorted(keys - utt2spk.keys())
    if nameless:
        raise DataError(
            f"{directory / 'utt2spk'}: lacks key '{nameless[0]}'; add it, and run stage 2 (format) with --force true."
        )
    if is_source_dir(directory) and read_mixing_conf(directory / MIXING_YAML).needs_other_utterance:
        lonely_speakers = set(single_utterance_speakers(utt2spk[key] for key in keys))
        lonely = {key for key in keys if utt2spk[key] in lonely_speakers}
        counts["of speakers with a single utterance left"] = len(lonely)
        keys -= lonely
    if not keys:
        raise DataError(
            f"{directory}: no row is left of those that last {min_duration_s} to {max_duration_s} s: "
            f"{', '.join(f'{count} {what}' for what, count in counts.items())} (all last "
            f"{min(durations.values()):.2f} to {max(durations.values()):.2f} s); widen the bounds."
        )
    if originals is directory:
        _keep_originals(directory)
    # Killed from here on, the lists are of no run's making: then the next one starts from .unfiltered/.
    (kept / LEFT).unlink(missing_ok=True)
    for path in _keyed_files(directory / ORIGINALS):
        entries = read_keyed(path)
        if entries.keys() & wavs.keys():  # others, as a list of noises, are not about this set's rows
            write_scp(directory / path.name, {k: v for k, v in entries.items() if k in keys})
    write_scp(directory / "spk2utt", turned_round({key: utt2spk[key] for key in keys}))
    write_json(kept / LEFT, _hashes(directory))
    return {"kept": len(keys), **counts}
