#!/usr/bin/env python3
"""LibriSpeech's training set and folders of speech, noise and rooms -> data/train and data/sources/.

Every 12th speaker of a source by name (positions 11, 23, ...) is dev, every 12th shifted by 6 (5, 17, ...) is test, the rest is
train: the rule of mini_librispeech. Of noises and rooms every 6th recording (5, 11, ...) is heard in test only.
"""

import argparse
import logging
import math
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

import yaml

from espnet_tse.data.audio_files import read_info
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.scp_fields import turned_round
from espnet_tse.data.source_weights import SOURCES
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.files import atomic_write
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import DataError, check_file_names, read_scp, write_scp
from espnet_tse.io.visible_files import files_below, visible_files
from espnet_tse.io.yaml_file import read_yaml

SUFFIXES = (".flac", ".wav")
SAMPLE_RATE = 16000
LIBRISPEECH = "librispeech"
# Of mixtures that are compared: two talkers, all the time, clean; in noise and rooms the same with both in each.
TEST = {
    "num_speakers": {2: 1.0},
    "sir_db": [-5.0, 5.0],
    "enrollment": "other_or_disjoint",
    "enrollment_s": 5.0,
}
NOISY = {"snr_db": [5.0, 20.0], "enrollment_noise": 0.5, "enrollment_snr_db": [10.0, 30.0]}
ROOM = {"reverb_share": 0.5, "enrollment_reverb": 0.5}
ABSENT = {"num_speakers": {3: 1.0}, "target_absent": 1.0}  # two others talk
LEAST_SPEAKERS = {"dev": 2, "test": 3}


@dataclass(frozen=True)
class Utterance:
    source: str
    speaker: str
    key: str
    path: Path


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__.splitlines()[0])
    parser.add_argument("--librispeech_train", type=Path, required=True, help="a source directory")
    parser.add_argument("--librispeech_weight", type=float, default=1.0)
    parser.add_argument("--speech", type=Path, required=True, help="holds <source>/<speaker>/<utterance>")
    parser.add_argument("--sources", nargs="*", default=[], metavar="NAME[:WEIGHT]", help="default: all")
    parser.add_argument("--noise", type=Path, help="holds <source>/<recording>")
    parser.add_argument("--noises", nargs="*", default=[], help="folders of --noise; default: all")
    parser.add_argument("--rooms", type=Path, help="holds <source>/<impulse response>")
    parser.add_argument("--rooms_of", nargs="*", default=[], help="folders of --rooms; default: all")
    parser.add_argument("--mixing", type=Path, required=True, help="mixing.yaml of the training set")
    parser.add_argument("--output_dir", type=Path, required=True)
    return parser


def chosen(folder: Path, names: Sequence[str]) -> list[Path]:
    """The named folders below ``folder``, or all but hidden ones.

    Raises:
        DataError: there are none, or one is not there.
    """
    there = {path.name: path for path in sorted(visible_files(folder.resolve(), "*")) if path.is_dir()}
    if not there:
        raise DataError(f"{folder}: holds no folders; each source is one.")
    try:
        check_known(names, there, where=str(folder))
    except ValueError as error:
        raise DataError(str(error)) from None
    return [there[name] for name in dict.fromkeys(names)] if names else list(there.values())


def speech_folders(args: argparse.Namespace, names: Sequence[str]) -> list[Path]:
    """The named sources, or all but those in which noise and rooms lie: these would be heard as speakers.

    Raises:
        DataError: one in which they lie is named, nothing is left, or as ``chosen``.
    """
    others = [folder.resolve() for folder in (args.noise, args.rooms) if folder is not None]
    folders = chosen(args.speech, names)
    overlapping = [
        folder for folder in folders if any(other == folder or folder in other.parents for other in others)
    ]
    if overlapping and names:
        raise DataError(
            f"--sources {overlapping[0].name}: NOISE or ROOMS names {overlapping[0]} too, or a folder in it; what lies there "
            "would be heard as speakers. Leave the source out."
        )
    for folder in overlapping:
        logging.info(f"{folder}: is no source of speech, for NOISE or ROOMS names it, or a folder in it")
    if len(overlapping) == len(folders):
        raise DataError(
            f"{args.speech}: holds no folders beside those of NOISE and ROOMS; each source is one."
        )
    return [folder for folder in folders if folder not in overlapping]


def weights_of(sources: Sequence[str]) -> dict[str, float]:
    """``NAME[:WEIGHT]`` -> weight.

    Raises:
        DataError: a weight is none, or a source is named twice.
    """
    weights: dict[str, float] = {}
    for entry in sources:
        name, _, weight = entry.partition(":")
        if name in weights:
            raise DataError(f"--sources {entry}: '{name}' is named twice; keep one.")
        try:
            weights[name] = float(weight or 1.0)
        except ValueError:
            weights[name] = math.nan
        if not 0 <= weights[name] < math.inf:
            raise DataError(f"--sources {entry}: '{weight}' is no weight; write {name}:0.5.")
    return weights


def audio_below(folder: Path) -> list[Path]:
    """Files of ``SUFFIXES`` at any depth below a source, behind links to folders, too; hidden ones, as ``._a.wav``, are none.

    What else lies there is told by its suffixes: it may be speech in another format.

    Raises:
        DataError: there are none.
    """
    found, others = [], Counter()
    for path in files_below(folder):
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        else:
            others[path.suffix.lower() or "without suffix"] += 1
    left_out = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5))
    if not found:
        raise DataError(f"{folder}: no .flac or .wav below it" + (f", only {left_out}." if left_out else "."))
    if left_out:
        logging.info(f"{folder}: left out, for only .flac and .wav are read: {left_out}")
    return found


def listed(*parts: str) -> str:
    """A name as lists can hold it, without spaces."""
    return "_".join("-".join(parts).split())


def keyed(folders: Sequence[Path]) -> dict[str, tuple[Path, Path]]:
    """Key -> source and file; the place in the source makes the key.

    Raises:
        DataError: two have one key, a key can name no file, or as ``audio_below``.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for folder in folders:
        for path in audio_below(folder):
            key = listed(folder.name, *path.relative_to(folder).with_suffix("").parts)
            if key in found:
                raise DataError(f"{path}: has the name of {found[key][1]}, '{key}'; rename one of them.")
            found[key] = folder, path
    check_file_names(found, ", ".join(map(str, folders)))
    return found


def check_audio(files: Mapping[str, Path]) -> None:
    """Raise DataError where some of key -> file are not mono at ``SAMPLE_RATE``, or one is empty."""
    odd: dict[Path, str] = {}
    for key, path in files.items():
        info = read_info(path, key)
        if info.num_samples == 0:
            raise DataError(f"{path}: holds no samples; take it away.")
        if (info.sample_rate, info.num_channels) != (SAMPLE_RATE, 1):
            odd[path] = f"{info.sample_rate} Hz, {info.num_channels} channel(s)"
    if odd:
        path, form = next(iter(odd.items()))
        raise DataError(
            f"{path}: {form}; mono at {SAMPLE_RATE} Hz is wanted, which {len(odd)} of {len(files)} files are not. Convert "
            f"them, as `ffmpeg -i IN -ac 1 -ar {SAMPLE_RATE} OUT.flac`, of impulse responses one channel: -af 'pan=mono|c0=c0'."
        )


def find_speech(folders: Sequence[Path]) -> list[Utterance]:
    """Utterances of all sources; the source is part of a speaker's name, so that speakers of two never meet.

    Raises:
        DataError: a source has LibriSpeech's name, a file lies elsewhere than in a speaker's folder, two speakers have one
            name, or as ``keyed`` and ``check_audio``.
    """
    if taken := [folder for folder in folders if folder.name == LIBRISPEECH]:
        raise DataError(
            f"{taken[0]}: '{LIBRISPEECH}' is the source that LIBRISPEECH names; rename the folder."
        )
    utterances, places = [], {}
    for key, (folder, path) in keyed(folders).items():
        if path.parent.parent != folder:
            raise DataError(f"{path}: is not <speaker>/<utterance> below {folder}; move it, or take it away.")
        speaker = listed(folder.name, path.parent.name)
        if places.setdefault(speaker, path.parent) != path.parent:
            raise DataError(
                f"{path.parent}: its speaker has the name of {places[speaker]}'s, '{speaker}'; rename one of the folders."
            )
        utterances.append(Utterance(folder.name, speaker, key, path))
    check_audio({utterance.key: utterance.path for utterance in utterances})
    return utterances


def split(names: Sequence[str]) -> dict[str, list[str]]:
    dev, test = names[11::12], names[5::12]
    return {"train": sorted(set(names) - set(dev) - set(test)), "dev": list(dev), "test": list(test)}


def recordings(folders: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Set -> key -> file. Pieces of a recording, ``<recording>_<piece>``, are of one set.

    Raises:
        DataError: there are too few, or as ``keyed`` and ``check_audio``.
    """
    found: dict[Path, dict[str, Path]] = {}
    for key, (_, path) in keyed(folders).items():
        # Of the file's own name: in a key every space is a "_".
        recording = path.parent / (path.stem.rpartition("_")[0] or path.stem)
        found.setdefault(recording, {})[key] = path
    names = list(found)
    held_out = set(names[5::6])
    sets: dict[str, dict[str, Path]] = {"train": {}, "test": {}}
    for name, files in found.items():
        sets["test" if name in held_out else "train"] |= files
    if not sets["test"]:
        raise DataError(
            f"{', '.join(map(str, folders))}: {len(names)} recordings; at least 6 are wanted. Files <recording>_<piece> count as one: "
            "rename those that are recordings of their own, as noise_1.wav to noise-1.wav."
        )
    for files in sets.values():
        check_audio(files)
    return sets


def write_source_dir(folder: Path, utterances: Sequence[Utterance], mixing: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    speakers = {utterance.key: utterance.speaker for utterance in utterances}
    write_scp(folder / "wav.scp", {utterance.key: utterance.path for utterance in utterances})
    write_scp(folder / "utt2spk", speakers)
    write_scp(folder / "spk2utt", turned_round(speakers))
    write_scp(folder / SOURCES, {utterance.key: utterance.source for utterance in utterances})
    with atomic_write(folder / "mixing.yaml") as file:
        yaml.safe_dump(mixing, file, sort_keys=False)


def sets_of(folders: Sequence[Path]) -> dict[str, list[Utterance]]:
    """Train, dev and test of the speakers of each source.

    Raises:
        DataError: too few are left for dev or test, or as ``find_speech``.
    """
    utterances = find_speech(folders)
    sets: dict[str, list[Utterance]] = {}
    for folder in folders:
        own = [utterance for utterance in utterances if utterance.source == folder.name]
        speakers = split(sorted({utterance.speaker for utterance in own}))
        for name, names in speakers.items():
            members = set(names)
            sets.setdefault(name, []).extend(utterance for utterance in own if utterance.speaker in members)
        logging.info(
            f"{folder.name}: {', '.join(f'{len(names)} speakers {name}' for name, names in speakers.items())}"
        )
    for name, least in LEAST_SPEAKERS.items():
        if len({utterance.speaker for utterance in sets[name]}) < least:
            raise DataError(
                f"{folders[0].parent}: fewer than {least} speakers are left for {name}; 30 of one source are enough."
            )
    return sets


def pool(args: argparse.Namespace) -> None:
    weights = weights_of(args.sources)
    sets = sets_of(speech_folders(args, list(weights)))
    speakers = read_scp(args.librispeech_train / "utt2spk")
    sets["train"] += [
        Utterance(LIBRISPEECH, speakers[key], key, Path(path))
        for key, path in read_scp(args.librispeech_train / "wav.scp").items()
    ]
    output = args.output_dir
    lists: dict[str, dict[str, Path]] = {}
    scps: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for name, folder, subset in (("noise", args.noise, args.noises), ("rir", args.rooms, args.rooms_of)):
        if folder is None:
            continue
        for kind, files in recordings(chosen(folder, subset)).items():
            lists[f"{name}_{kind}.scp"] = files
            scps[kind][f"{name}_scp"] = str(output / "lists" / f"{name}_{kind}.scp")
    changes: dict[str, Any] = {"source_weights": weights | {LIBRISPEECH: args.librispeech_weight}}
    changes |= scps["train"]
    if "noise_scp" not in changes:
        changes["enrollment_noise"] = 0.0
    if "rir_scp" not in changes:
        changes["enrollment_reverb"] = 0.0
    read_mixing_conf(args.mixing, changes)  # what it refuses is refused before anything is written
    noisy = TEST | scps["test"]
    noisy |= (NOISY if "noise_scp" in noisy else {}) | (ROOM if "rir_scp" in noisy else {})
    read = [path for path in (args.librispeech_train, args.speech, args.noise, args.rooms) if path]
    fixed = {"dev": ("dev", TEST), "test": ("test", TEST), "test_noisy": ("test", noisy)}
    fixed["test_absent"] = ("test", TEST | ABSENT)
    if lists:
        with replaced_folder(output / "lists", read) as work:
            for name, files in lists.items():
                write_scp(work / name, files)
    for name, (of, mixing) in fixed.items():
        with replaced_folder(output / "sources" / name, read) as work:
            write_source_dir(work, sets[of], mixing)
    with replaced_folder(output / "train", read) as work:
        write_source_dir(work, sets["train"], read_yaml(args.mixing) | changes)
    for name, utterances in sets.items():
        logging.info(f"{name}: {len({u.speaker for u in utterances})} speakers, {len(utterances)} utterances")


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    return run_command("pool_speech", lambda: pool(args))


if __name__ == "__main__":
    sys.exit(main())
