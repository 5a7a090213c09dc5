#!/usr/bin/env python3
"""Mixtures of LibriSpeech's dev-clean and test-clean, drawn once and for all: lists in the form of LibriMix's metadata."""

import argparse
import csv
import logging
import sys
from pathlib import Path
from typing import Sequence

import numpy as np

from espnet_tse.data.librimix.metadata import SUBSETS, metadata_path
from espnet_tse.data.librispeech import Utterance, find_utterances, librispeech_root
from espnet_tse.io.audio import read_audio
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError

SHORTEST_S = 3.0  # of an utterance, as in LibriMix
SIR_DB = (-5.0, 5.0)  # first to second speaker, ratio of powers of the whole utterances
PEAK = 0.9  # of a mixture at most, as in LibriMix
RATE = 16000
BYTES = 2 * RATE * 3  # a second of two sources and their mixture
GIB = 1 << 30


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--librispeech", type=Path, required=True, help="holds dev-clean and test-clean")
    parser.add_argument("--mixtures", type=int, default=3000, help="of each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--published_counts",
        default="true",
        choices=("true", "false"),
        help="want the published numbers of utterances",
    )
    parser.add_argument(
        "--output_dir", type=Path, help="receives libri2mix_dev-clean.csv and libri2mix_test-clean.csv"
    )
    parser.add_argument("--dry_run", action="store_true", help="tell how much the mixtures would take")
    return parser


class Speech:
    """Utterances of a subset that are long enough, with their length, power and peak."""

    def __init__(self, root: Path, subset: str, published: bool):
        self.root, self.signals = root, {}
        self.by_speaker: dict[str, list[Utterance]] = {}
        for utterance in find_utterances(root, subset, published):
            signal, _ = read_audio(utterance.path, RATE)
            if len(signal) >= SHORTEST_S * RATE:
                self.signals[utterance.key] = (
                    len(signal),
                    float(np.mean(np.square(signal, dtype=np.float64))),
                )
                self.by_speaker.setdefault(utterance.speaker, []).append(utterance)
        # A speaker with a single utterance could not be enrolled by another one.
        self.by_speaker = {speaker: own for speaker, own in self.by_speaker.items() if len(own) > 1}
        if len(self.by_speaker) < 2:
            raise DataError(
                f"{root / subset}: has {len(self.by_speaker)} speaker(s) with two utterances of {SHORTEST_S} s or more; "
                "mixtures want two. Is it whole?"
            )


def speaker_order(speaker: str) -> tuple[bool, int, str]:
    """A key to sort by: LibriSpeech's speakers by number, own ones with names behind them."""
    number = speaker.isdecimal()
    return not number, int(speaker) if number else 0, speaker


def draw_pairs(
    speech: Speech, count: int, generator: np.random.Generator
) -> list[tuple[Utterance, Utterance]]:
    """Different pairs of utterances of two speakers; each speaker comes first equally often, within one.

    Raises:
        DataError: there are not as many pairs.
    """
    speakers = sorted(speech.by_speaker, key=speaker_order)
    pairs: dict[tuple[str, str], tuple[Utterance, Utterance]] = {}
    for attempt in range(20 * count):
        if len(pairs) == count:
            break
        speaker = speakers[len(pairs) % len(speakers)]
        other = [s for s in speakers if s != speaker][int(generator.integers(len(speakers) - 1))]
        drawn = [
            speech.by_speaker[s][int(generator.integers(len(speech.by_speaker[s])))] for s in (speaker, other)
        ]
        pairs.setdefault((drawn[0].key, drawn[1].key), (drawn[0], drawn[1]))
    if len(pairs) < count:
        raise DataError(
            f"{speech.root}: only {len(pairs)} of {count} different pairs could be drawn; lower --mixtures."
        )
    return list(pairs.values())


def gains(speech: Speech, pair: tuple[Utterance, Utterance], sir_db: float) -> tuple[float, float]:
    """Factors that give the ratio of powers; the louder utterance keeps its level, the sum a peak of ``PEAK`` at most."""
    powers = [max(speech.signals[utterance.key][1], 1e-12) for utterance in pair]
    second = float(np.sqrt(powers[0] / powers[1]) * 10 ** (-sir_db / 20))
    factors = np.array([1.0, second]) / max(1.0, second)
    signals = [
        read_audio(utterance.path, RATE)[0] * factor for utterance, factor in zip(pair, factors, strict=True)
    ]
    longest = max(map(len, signals))
    peak = float(np.abs(sum(np.pad(signal, (0, longest - len(signal))) for signal in signals)).max())
    factors *= min(1.0, PEAK / peak)
    return float(factors[0]), float(factors[1])


def write_metadata(path: Path, speech: Speech, count: int, seed: int, name: str) -> None:
    # A generator of the set's own: the size of one set does not change another.
    generator = np.random.default_rng([seed, sum(name.encode())])
    pairs = draw_pairs(speech, count, generator)
    columns = ["mixture_ID", "source_1_path", "source_1_gain", "source_2_path", "source_2_gain"]
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for pair in pairs:
            first, second = gains(speech, pair, float(generator.uniform(*SIR_DB)))
            places = [utterance.path.relative_to(speech.root).as_posix() for utterance in pair]
            mixture_id = f"{pair[0].key}_{pair[1].key}"
            writer.writerow([mixture_id, places[0], repr(first), places[1], repr(second)])


def tell_size(name: str, speech: Speech, count: int) -> None:
    lengths = [length for length, _ in speech.signals.values()]
    # The shorter of two: its mean over all pairs.
    ordered = np.sort(lengths)
    weights = 2 * np.arange(len(ordered), 0, -1) - 1
    mean_s = float(np.sum(ordered * weights) / len(ordered) ** 2 / RATE)
    size = count * mean_s * BYTES / GIB
    print(
        f"{name}: {count} mixtures of two speakers, {mean_s:.1f} s on average, {size:.2f} GiB in data/audio"
    )


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.output_dir is None and not args.dry_run:
        parser.error("--output_dir is required, but for --dry_run")
    if args.mixtures < 1 or args.seed < 0:
        parser.error("--mixtures must be at least 1, --seed at least 0")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")

    def work() -> None:
        root = librispeech_root(args.librispeech)
        for name in ("dev", "test"):
            speech = Speech(root, SUBSETS[name], args.published_counts == "true")
            if args.dry_run:
                tell_size(name, speech, args.mixtures)
            else:
                path = metadata_path(args.output_dir, 2, name)
                write_metadata(path, speech, args.mixtures, args.seed, name)
                logging.info(f"{path}: {args.mixtures} mixtures of {len(speech.by_speaker)} speakers")

    return run_command("draw_mixtures", work)


if __name__ == "__main__":
    sys.exit(main())
