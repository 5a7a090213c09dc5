#!/usr/bin/env python3
"""LibriSpeech's training set and folders of speech, noise and rooms -> data/train and data/sources/.

Every 12th speaker of a source by name (positions 11, 23, ...) is dev, every 12th shifted by 6 (5, 17, ...) is test, the rest is
train: the rule of mini_librispeech. Of noises and rooms every 6th recording (5, 11, ...) is heard in test only.
"""

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import yaml

from espnet_tse.data.scp_fields import turned_round
from espnet_tse.data.source_weights import SOURCES
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.files import atomic_write
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.io.yaml_file import read_yaml

SUFFIXES = (".flac", ".wav")
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
    path: Path

    @property
    def key(self) -> str:
        return f"{self.speaker}-{self.path.stem}"


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
    """The named folders below ``folder``, or all.

    Raises:
        DataError: there are none, or one is not there.
    """
    there = {path.name: path for path in sorted(folder.resolve().iterdir()) if path.is_dir()}
    if not there:
        raise DataError(f"{folder}: holds no folders; each source is one.")
    try:
        check_known(names, there, where=str(folder))
    except ValueError as error:
        raise DataError(str(error)) from None
    return [there[name] for name in dict.fromkeys(names)] if names else list(there.values())


def weights_of(sources: Sequence[str]) -> dict[str, float]:
    """``NAME[:WEIGHT]`` -> weight.

    Raises:
        DataError: a weight is no number.
    """
    weights = {}
    for entry in sources:
        name, _, weight = entry.partition(":")
        try:
            weights[name] = float(weight or 1.0)
        except ValueError:
            raise DataError(f"--sources {entry}: '{weight}' is no weight; write {name}:0.5.") from None
    return weights


def find_speech(folder: Path) -> list[Utterance]:
    """Utterances of a source; its name is part of the speakers', so that two sources' never meet.

    Raises:
        DataError: there are none, or two files of a speaker have one name.
    """
    found: dict[str, Utterance] = {}
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        utterance = Utterance(folder.name, f"{folder.name}-{path.parent.name}", path)
        if other := found.get(utterance.key):
            raise DataError(f"{path}: has the name of {other.path}; rename one of them.")
        found[utterance.key] = utterance
    if not found:
        raise DataError(f"{folder}: no <speaker>/<utterance>.flac or .wav below it.")
    return list(found.values())


def split(names: Sequence[str]) -> dict[str, list[str]]:
    dev, test = names[11::12], names[5::12]
    return {"train": sorted(set(names) - set(dev) - set(test)), "dev": list(dev), "test": list(test)}


def recordings(folders: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Set -> key -> file. Pieces of a recording, ``<recording>_<piece>``, are of one set."""
    found: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("**/*")):
            if path.suffix.lower() in SUFFIXES:
                key = f"{folder.name}-{'-'.join(path.relative_to(folder).with_suffix('').parts)}"
                found.setdefault(key.rpartition("_")[0] or key, {})[key] = path
    if not found:
        raise DataError(f"{', '.join(map(str, folders))}: no .flac or .wav below.")
    names = list(found)
    held_out = set(names[5::6])
    sets: dict[str, dict[str, Path]] = {"train": {}, "test": {}}
    for name, files in found.items():
        sets["test" if name in held_out else "train"] |= files
    if not sets["test"]:
        raise DataError(f"{', '.join(map(str, folders))}: {len(names)} recordings; at least 6 are wanted.")
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


def pool(args: argparse.Namespace) -> None:
    weights = weights_of(args.sources)
    sets: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    for folder in chosen(args.speech, list(weights)):
        utterances = find_speech(folder)
        speakers = split(sorted({utterance.speaker for utterance in utterances}))
        for name, names in speakers.items():
            members = set(names)
            sets[name] += [utterance for utterance in utterances if utterance.speaker in members]
        logging.info(
            f"{folder.name}: {', '.join(f'{len(names)} speakers {name}' for name, names in speakers.items())}"
        )
    speakers = read_scp(args.librispeech_train / "utt2spk")
    sets["train"] += [
        Utterance(LIBRISPEECH, speakers[key], Path(path))
        for key, path in read_scp(args.librispeech_train / "wav.scp").items()
    ]
    for name, least in LEAST_SPEAKERS.items():
        if len({utterance.speaker for utterance in sets[name]}) < least:
            raise DataError(
                f"{args.speech}: fewer than {least} speakers are left for {name}; 30 a source are enough."
            )
    output = args.output_dir
    lists: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for name, folder, subset in (("noise", args.noise, args.noises), ("rir", args.rooms, args.rooms_of)):
        if folder is None:
            continue
        for kind, files in recordings(chosen(folder, subset)).items():
            scp = output / "lists" / f"{name}_{kind}.scp"
            scp.parent.mkdir(parents=True, exist_ok=True)
            write_scp(scp, files)
            lists[kind][f"{name}_scp"] = str(scp)
    mixing = read_yaml(args.mixing) | lists["train"]
    if "noise_scp" not in mixing:
        mixing |= {"enrollment_noise": 0.0}
    if "rir_scp" not in mixing:
        mixing |= {"enrollment_reverb": 0.0}
    mixing["source_weights"] = weights | {LIBRISPEECH: args.librispeech_weight}
    noisy = TEST | lists["test"]
    noisy |= (NOISY if "noise_scp" in noisy else {}) | (ROOM if "rir_scp" in noisy else {})
    with replaced_folder(output / "sources") as work:
        write_source_dir(work / "dev", sets["dev"], TEST)
        write_source_dir(work / "test", sets["test"], TEST)
        write_source_dir(work / "test_noisy", sets["test"], noisy)
        write_source_dir(work / "test_absent", sets["test"], TEST | ABSENT)
    with replaced_folder(output / "train") as work:
        write_source_dir(work, sets["train"], mixing)
    for name, utterances in sets.items():
        logging.info(f"{name}: {len({u.speaker for u in utterances})} speakers, {len(utterances)} utterances")


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    return run_command("pool_speech", lambda: pool(args))


if __name__ == "__main__":
    sys.exit(main())
