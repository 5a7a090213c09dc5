#!/usr/bin/env python3
"""A folder of real recordings -> a TSE directory without clean targets."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.activity_list import activity_line, read_activity
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import DataError, read_scp, read_text, write_scp
from espnet_tse.io.visible_files import visible_files
from espnet_tse.data.scp_fields import ACTIVITY, ENROLLMENT_SCP, MIXTURE_SCP, turned_round

AUDIO = (".wav", ".flac", ".ogg", ".mp3")
LISTS = ("utt2enroll", "utt2spk", "text", ACTIVITY)


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="holds mixture/, enrollment/ and lists")
    parser.add_argument("--output_dir", type=Path, required=True, help="data/<set>")
    return parser


def audio_of(folder: Path) -> dict[str, Path]:
    """Name without suffix -> file.

    Raises:
        DataError: there are none, or two of one name.
    """
    files = [path for path in sorted(visible_files(folder, "*")) if path.suffix.lower() in AUDIO]
    found: dict[str, Path] = {}
    for path in files:
        if any(char.isspace() for char in path.stem):
            raise DataError(f"{path}: names are keys of lists, which have no blanks; rename it.")
        if path.stem in found:
            raise DataError(f"{folder}: both {found[path.stem].name} and {path.name}; remove one of them.")
        found[path.stem] = path.resolve()
    if not found:
        raise DataError(f"{folder}: no recordings ({', '.join(AUDIO)}); README.md says what REAL_TSE holds.")
    return found


def listed(folder: Path, name: str, keys: dict[str, Path]) -> dict[str, str]:
    """An optional list; empty where it is not there.

    Raises:
        DataError: it is empty, or names a recording that is not there.
    """
    path = folder / name
    if not path.is_file():
        return {}
    entries = (read_text if name == "text" else read_scp)(path)
    if not entries:
        raise DataError(f"{path}: is empty; write its lines (README.md), or remove it.")
    if unknown := sorted(entries.keys() - keys.keys()):
        raise DataError(
            f"{path}: {len(unknown)} of its keys are no recordings of {folder / 'mixture'}, first '{unknown[0]}'; keys are "
            "names of files without their suffix."
        )
    return entries


def prepare(folder: Path, output_dir: Path) -> str:
    """Write the set; a line on what there is."""
    mixtures, enrollments = audio_of(folder / "mixture"), audio_of(folder / "enrollment")
    lists = {name: listed(folder, name, mixtures) for name in LISTS}
    names = {key: lists["utt2enroll"].get(key, key) for key in mixtures}
    if without := [key for key, name in names.items() if name not in enrollments]:
        raise DataError(
            f"{folder / 'enrollment'}: no recording '{names[without[0]]}' for mixture '{without[0]}' ({len(without)} of "
            f"{len(mixtures)} have none); name it so, or name another in {folder / 'utt2enroll'}, lines 'key name'."
        )
    # Two mixtures with one enrollment are of one speaker, whoever that is.
    speakers = {key: lists["utt2spk"].get(key, name) for key, name in names.items()}
    with replaced_folder(output_dir, [folder / "mixture", folder / "enrollment"]) as data:
        write_scp(data / MIXTURE_SCP, mixtures)
        write_scp(data / ENROLLMENT_SCP, {key: enrollments[name] for key, name in names.items()})
        write_scp(data / "utt2spk", speakers)
        write_scp(data / "spk2utt", turned_round(speakers))
        if lists["text"]:
            write_scp(data / "text_spk1", {key: lists["text"].get(key, "") for key in mixtures})
        absent, activity = 0, {}
        if lists[ACTIVITY]:
            activity = read_activity(folder / ACTIVITY)
            absent = sum(times == () for times in activity.values())
            if speaking := [key for key, times in activity.items() if times == () and lists["text"].get(key)]:
                raise DataError(
                    f"{folder}: '{speaking[0]}' has words in text, but its line of {ACTIVITY} is none; fix one of them."
                )
            write_scp(data / ACTIVITY, {key: activity_line(activity.get(key)) for key in mixtures})
        silent = {key for key, times in activity.items() if times == ()}
        # An error rate of some rows is none of the set, and the scorer counts rows without words as failures.
        if lists["text"] and (
            wordless := [k for k in mixtures if k not in silent and not lists["text"].get(k)]
        ):
            raise DataError(
                f"{folder / 'text'}: {len(wordless)} of {len(mixtures)} recordings have no words, first '{wordless[0]}'; write "
                "them all but for targets that say nothing, or remove the file."
            )
    words = sum(bool(text) for text in lists["text"].values())
    return (
        f"{output_dir}: {len(mixtures)} recordings, {words} of them with words, {len(lists[ACTIVITY])} with times, {absent} "
        "without their target"
    )


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    return run_command("prepare_recordings", lambda: logging.info(prepare(args.folder, args.output_dir)))


if __name__ == "__main__":
    sys.exit(main())
