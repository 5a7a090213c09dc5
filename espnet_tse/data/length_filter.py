"""Removing utterances that are too short or too long, from all lists of a directory at once."""

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
from espnet_tse.io.scp import DataError, read_scp, write_scp

ORIGINALS = ".unfiltered"


def _keyed_files(directory: Path) -> list[Path]:
    """The lists that have a line a key."""
    names = sorted(
        path.name
        for path in directory.iterdir()
        if path.is_file() and (path.suffix == ".scp" or path.name.startswith(("utt2", "text")))
    )
    return [directory / name for name in names]


def _keep_originals(directory: Path) -> None:
    """Copy the lists to ``.unfiltered/``, all or none."""
    temporary = directory / f"{ORIGINALS}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    for path in [*_keyed_files(directory), directory / "spk2utt"]:
        if path.is_file():
            shutil.copyfile(path, temporary / path.name)
    temporary.rename(directory / ORIGINALS)


def filter_by_length(directory: Path, min_duration_s: float, max_duration_s: float) -> dict[str, int]:
    """Keep the keys whose ``wav.scp`` audio lasts min .. max seconds.

    The lists as they were are kept under ``.unfiltered/``, and every run starts from them, so that
    wider bounds bring keys back.

    Returns:
        counts: ``kept``, ``too short``, ``too long``; where mixing.yaml enrolls with another utterance
        also those dropped because their speaker has no other one left.
    Raises:
        DataError: ``utt2num_samples`` is missing or has other keys than ``wav.scp``; nothing is left.
    """
    kept = directory / ORIGINALS
    originals = kept if kept.is_dir() else directory
    wavs = read_scp(originals / MIXTURE_SCP)
    lengths = read_num_samples(originals / NUM_SAMPLES)
    odd = sorted(wavs.keys() ^ lengths.keys())
    if odd or not wavs:
        raise DataError(
            f"{directory}: wav.scp and {NUM_SAMPLES} differ, first '{odd[:1]}'; run stage 2 (format) with --force true."
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
    if is_source_dir(directory) and read_mixing_conf(directory / MIXING_YAML).enrollment == "other_utterance":
        per_speaker: dict[str, int] = {}
        for key in keys:
            per_speaker[utt2spk[key]] = per_speaker.get(utt2spk[key], 0) + 1
        lonely = {key for key in keys if per_speaker[utt2spk[key]] < 2}
        counts["of speakers with a single utterance left"] = len(lonely)
        keys -= lonely
    if not keys:
        raise DataError(
            f"{directory}: no utterance lasts {min_duration_s} to {max_duration_s} s "
            f"(they last {min(durations.values()):.2f} to {max(durations.values()):.2f} s); widen the bounds."
        )
    if originals is directory:
        _keep_originals(directory)
    for path in _keyed_files(directory / ORIGINALS):
        write_scp(directory / path.name, {k: v for k, v in read_keyed(path).items() if k in keys})
    write_scp(directory / "spk2utt", turned_round({key: utt2spk[key] for key in keys}))
    return {"kept": len(keys), **counts}
