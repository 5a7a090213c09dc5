#!/usr/bin/env python3
"""A folder of clean speech, noise, rooms and noisy recordings -> data/{train,dev_sources,noise,rir,test}."""

import argparse
import logging
import shutil
import sys
from pathlib import Path
from typing import Mapping, Sequence

from espnet_tse.data.scp_fields import MIXTURE_SCP, PROTOCOL, TARGET_SCP, turned_round
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.replaced_folder import check_replaceable, replaced_folder
from espnet_tse.io.scp import DataError, read_filled_scp, write_scp
from espnet_tse.io.visible_files import files_below

AUDIO = (".wav", ".flac")


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="holds clean/, noise/, rir/, test/")
    parser.add_argument("--dev_speakers", type=int, default=20, help="kept out of training")
    parser.add_argument("--output_dir", type=Path, required=True, help="data")
    return parser


def recordings(folder: Path, required: bool = True) -> dict[str, Path]:
    """Key -> path of all recordings below a folder, links not resolved; the key is the path below it, with dashes.

    Raises:
        DataError: there are none, or two of one key.
    """
    found: dict[str, Path] = {}
    for path in sorted(files_below(folder)):
        if path.suffix.lower() not in AUDIO:
            continue
        key = str(path.relative_to(folder).with_suffix("")).replace("/", "-").replace(" ", "_")
        if key in found:
            raise DataError(f"{folder}: {found[key]} and {path} have one key, '{key}'; rename one of them.")
        found[key] = path
    if required and not found:
        raise DataError(f"{folder}: no recordings ({', '.join(AUDIO)}); README.md says what URGENT holds.")
    return found


def speakers_of(folder: Path, speech: Mapping[str, Path]) -> dict[str, str]:
    """Key -> speaker: of ``utt2spk`` by names of files, or the first folder below ``clean/``.

    Raises:
        DataError: a recording has no speaker.
    """
    path = folder / "utt2spk"
    lines = "write its lines 'name-of-file speaker', or remove it"
    listed = read_filled_scp(path, lines) if path.is_file() else None
    speakers = {}
    for key, file in speech.items():
        parts = file.relative_to(folder).parts
        speaker = (parts[0] if len(parts) > 1 else None) if listed is None else listed.get(file.stem)
        if speaker is None:
            fix = (
                f"{path} lacks '{file.stem}'"
                if listed
                else f"put it in a folder of its speaker, or write {path}"
            )
            raise DataError(f"{file}: whose speech is it? {fix} (lines 'name-of-file speaker').")
        speakers[key] = speaker
    return speakers


def with_two(speakers: Mapping[str, str]) -> dict[str, str]:
    """Without speakers of a single utterance, whom none is left to enroll."""
    counts: dict[str, int] = {}
    for speaker in speakers.values():
        counts[speaker] = counts.get(speaker, 0) + 1
    return {key: speaker for key, speaker in speakers.items() if counts[speaker] > 1}


def write_lists(directory: Path, wavs: Mapping[str, Path], speakers: Mapping[str, str]) -> None:
    """``wav.scp``, ``utt2spk`` and ``spk2utt`` of a directory, as a whole."""
    with replaced_folder(directory) as folder:
        write_scp(folder / MIXTURE_SCP, {key: wavs[key] for key in speakers})
        write_scp(folder / "utt2spk", speakers)
        write_scp(folder / "spk2utt", turned_round(dict(speakers)))


def prepare(folder: Path, num_dev: int, output_dir: Path) -> None:
    """All sets; everything is found and checked before anything is written."""
    speech = recordings(folder / "clean")
    speakers = with_two(speakers_of(folder / "clean", speech))
    names = sorted(set(speakers.values()))
    if num_dev < 2 or len(names) < num_dev + 2:
        raise DataError(
            f"{folder / 'clean'}: {len(names)} speakers with two utterances; training and development want two each at "
            f"least, and --dev_speakers is {num_dev}."
        )
    dev = {names[place * len(names) // num_dev] for place in range(num_dev)}  # spread over all of them
    noise, rooms = recordings(folder / "noise"), recordings(folder / "rir", required=False)
    noisy = recordings(folder / "test" / "noisy")
    clean = recordings(folder / "test" / "clean", required=False)
    if clean and (odd := sorted(noisy.keys() ^ clean.keys())):
        raise DataError(
            f"{folder / 'test'}: {len(odd)} recordings are in one of noisy/ and clean/ alone, first '{odd[0]}'; remove "
            "clean/ where it does not hold all targets."
        )
    # Of the corpus' own folder as the output they would be its recordings.
    for name in ("train", "dev_sources", "noise", "rir", "test"):
        check_replaceable(output_dir / name, (folder / part for part in ("clean", "noise", "rir", "test")))
    parts = {
        "train": {key: name for key, name in speakers.items() if name not in dev},
        "dev_sources": {key: name for key, name in speakers.items() if name in dev},
    }
    for name, own in parts.items():
        write_lists(output_dir / name, speech, own)
    for name, found in (("noise", noise), ("rir", rooms)):
        if found:
            write_lists(output_dir / name, found, {key: key for key in found})
        elif (output_dir / name).exists():  # of an earlier run
            shutil.rmtree(output_dir / name)
    test = output_dir / "test"
    with replaced_folder(test) as data:
        write_scp(data / MIXTURE_SCP, noisy)
        if clean:
            write_scp(data / TARGET_SCP, clean)
        for name in ("utt2spk", "spk2utt"):
            write_scp(data / name, {key: key for key in noisy})
        (data / PROTOCOL).write_text(
            "list: a restoration set of the user's own\ntask: sr\n", encoding="utf-8"
        )
    logging.info(
        f"{output_dir}: {len(parts['train'])} utterances for training, {len(parts['dev_sources'])} of {num_dev} speakers for "
        f"development, {len(noise)} noises, {len(rooms)} rooms, {len(noisy)} noisy recordings, "
        f"{'with' if clean else 'without'} targets"
    )


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    return run_command(
        "prepare_restoration", lambda: prepare(args.folder.absolute(), args.dev_speakers, args.output_dir)
    )


if __name__ == "__main__":
    sys.exit(main())
