#!/usr/bin/env python3
"""LibriSpeech speech -> data/train (single speaker, dynamic mixing), data/dev and data/test (mixtures).

Works with one utterance a speaker (target and enrollment from disjoint regions of it) and with
several (enrollment from another one). The same options always give the same samples.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
import soundfile
from librispeech_split import Utterance, find_utterances, split_speakers

from espnet_tse.data.audio_files import read_info, read_samples
from espnet_tse.data.enrollment import Span, choose_other, crop_span, place_disjoint, share_utterance
from espnet_tse.data.mixing import fit_length, mix_sources
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.done_mark import is_marked
from espnet_tse.io.files import atomic_write, sha256_of_folder, write_json
from espnet_tse.io.replaced_folder import replaced_folders
from espnet_tse.io.scp import DataError, write_scp

VERSION = 1  # raise it when the same options give other samples, and no file in local/ says so
SAMPLE_RATE = 16000
PEAK = 0.95  # a louder mixture is scaled down with its sources
SHORTEST_S = 2.0  # of a target or an enrollment in dev and test
SHORTEST_SOURCE_S = 1.0  # of an utterance in train

MIXING = """\
# How data/train (one speaker an utterance) is mixed on the fly; see doc/data_format.md.
num_speakers: {{2: 1.0}}
sir_db: [{low}, {high}]
snr_kind: rms
overlap: [1.0, 1.0]
enrollment: {enrollment}
enrollment_s: {enrollment_s}
enrollment_gap_s: {gap_s}
"""


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--librispeech", type=Path, required=True, help="folder that holds the subsets")
    parser.add_argument(
        "--data_dir", type=Path, default=Path("data"), help="receives train, dev, test, audio"
    )
    parser.add_argument("--dev_mixtures", type=int, default=60)
    parser.add_argument("--test_mixtures", type=int, default=60)
    parser.add_argument("--mixture_s", type=float, nargs=2, default=[4.0, 6.0], metavar=("LOW", "HIGH"))
    parser.add_argument("--enrollment_s", type=float, nargs=2, default=[4.0, 5.0], metavar=("LOW", "HIGH"))
    parser.add_argument(
        "--gap_s", type=float, default=0.5, help="between target and enrollment of one utterance"
    )
    parser.add_argument("--sir_db", type=float, nargs=2, default=[-5.0, 5.0], metavar=("LOW", "HIGH"))
    parser.add_argument("--seed", type=int, default=0)
    return parser


def num_samples(utterance: Utterance) -> int:
    info = read_info(utterance.path, utterance.key)
    if (info.sample_rate, info.num_channels) != (SAMPLE_RATE, 1):
        raise DataError(
            f"{utterance.path}: {info.sample_rate} Hz, {info.num_channels} channel(s); LibriSpeech is 16 kHz mono."
        )
    return info.num_samples


def read(utterance: Utterance, span: Span) -> np.ndarray:
    return read_samples(
        utterance.path, utterance.key, SAMPLE_RATE, span.start, span.num_samples, dtype="float64"
    )


def write_speakers(directory: Path, utt2spk: dict[str, str]) -> None:
    speakers: dict[str, list[str]] = {}
    for key in sorted(utt2spk):
        speakers.setdefault(utt2spk[key], []).append(key)
    write_scp(directory / "utt2spk", utt2spk)
    write_scp(directory / "spk2utt", {speaker: " ".join(keys) for speaker, keys in speakers.items()})


def write_train(directory: Path, utterances: list[Utterance], lengths: dict[str, int], args) -> None:
    """The source directory: FLAC files in place, and mixing.yaml."""
    kept = [u for u in utterances if lengths[u.key] >= SHORTEST_SOURCE_S * SAMPLE_RATE]
    per_speaker: dict[str, int] = {}
    for utterance in kept:
        per_speaker[utterance.speaker] = per_speaker.get(utterance.speaker, 0) + 1
    single = sum(count == 1 for count in per_speaker.values())
    # One way of enrolling for the whole set: disjoint regions serve speakers with one utterance and more.
    enrollment = "same_utterance_disjoint" if single else "other_utterance"
    write_scp(directory / "wav.scp", {u.key: u.path for u in kept})
    write_speakers(directory, {u.key: u.speaker for u in kept})
    text = {u.key: u.text for u in kept if u.text is not None}
    if len(text) == len(kept):
        write_scp(directory / "text", text)
    conf = {
        "low": args.sir_db[0],
        "high": args.sir_db[1],
        "enrollment_s": args.enrollment_s[1],
        "gap_s": args.gap_s,
    }
    with atomic_write(directory / "mixing.yaml") as file:
        file.write(MIXING.format(enrollment=enrollment, **conf))
    logging.info(
        f"train: {len(per_speaker)} speakers ({single} with one utterance), {len(kept)} utterances, "
        f"{sum(lengths[u.key] for u in kept) / SAMPLE_RATE / 60:.1f} min, "
        f"{len(utterances) - len(kept)} shorter than {SHORTEST_SOURCE_S} s skipped; enrollment: {enrollment}"
    )


class MixtureMaker:
    """Fixed mixtures of one held-out set."""

    def __init__(self, name: str, utterances: list[Utterance], lengths: dict[str, int], args):
        self.name, self.args, self.lengths = name, args, lengths
        # A generator of the set's own: the size of one set does not change another.
        self.generator = np.random.default_rng([args.seed, sum(name.encode())])
        self.by_key = {u.key: u for u in utterances}
        self.by_speaker: dict[str, list[str]] = {}
        for utterance in utterances:
            self.by_speaker.setdefault(utterance.speaker, []).append(utterance.key)
        self.minimum = round(SHORTEST_S * SAMPLE_RATE)
        self.speakers = sorted(self.by_speaker, key=int)
        self.targets = {s: keys for s in self.speakers if (keys := self._target_keys(s))}
        short = len(self.speakers) - len(self.targets)
        logging.info(
            f"{name}: {len(self.speakers)} speakers, {short} without an utterance long enough to be target"
        )
        if not self.targets or len(self.speakers) < 2:
            raise DataError(
                f"{name}: {len(self.targets)} usable speakers; wants two speakers and longer utterances."
            )

    def _disjoint(self, key: str, target: int, enrollment: int):
        gap = round(self.args.gap_s * SAMPLE_RATE)
        return share_utterance(self.lengths[key], target, enrollment, gap, 1, self.minimum)

    def _target_keys(self, speaker: str) -> list[str]:
        keys = self.by_speaker[speaker]
        if len(keys) == 1:
            longest = (
                round(max(pair) * SAMPLE_RATE) for pair in (self.args.mixture_s, self.args.enrollment_s)
            )
            return keys if self._disjoint(keys[0], *longest) else []
        long_enough = [key for key in keys if self.lengths[key] >= self.minimum]
        return long_enough if len(long_enough) > 1 else []

    def _draw(self, bounds: list[float]) -> int:
        return round(self.generator.uniform(*bounds) * SAMPLE_RATE)

    def regions(self, speaker: str) -> tuple[str, Span, str, Span]:
        """Target utterance and span, enrollment utterance and span."""
        keys = self.targets[speaker]
        key = keys[int(self.generator.integers(len(keys)))]
        target, enrollment = self._draw(self.args.mixture_s), self._draw(self.args.enrollment_s)
        if len(keys) == 1:
            shared = self._disjoint(key, target, enrollment)
            target_span, enrollment_span = place_disjoint(self.lengths[key], shared, self.generator, 1)
            return key, target_span, key, enrollment_span
        other = choose_other(keys, key, self.generator)
        target_span = crop_span(self.lengths[key], target, self.generator)
        return key, target_span, other, crop_span(self.lengths[other], enrollment, self.generator)

    def interference(self, speaker: str, length: int) -> tuple[str, np.ndarray]:
        """Another speaker, and a random span of a random utterance of theirs, repeated if too short."""
        others = [other for other in self.speakers if other != speaker]
        interferer = others[int(self.generator.integers(len(others)))]
        keys = self.by_speaker[interferer]
        utterance = self.by_key[keys[int(self.generator.integers(len(keys)))]]
        whole = read(utterance, Span(0, self.lengths[utterance.key]))
        return interferer, fit_length(whole, length, self.generator)

    def make(self, count: int, audio: Path, final: Path) -> dict[str, dict]:
        """Write ``count`` mixtures; every usable speaker is target equally often (within one).

        Args:
            audio: folder being written; final: the name it will have.
        Returns:
            list name -> key -> value.
        """
        names = ("wav.scp", "spk1.scp", "spk2.scp", "enroll_spk1.scp")
        lists: dict[str, dict] = {
            name: {}
            for name in (*names, "utt2spk", "utt2enrollspk", "utt2interferer", "utt2sir", "utt2regions")
        }
        speakers = list(self.targets)
        for folder in ("mixture", "target", "interference", "enrollment"):
            (audio / folder).mkdir(parents=True)
        for number in range(count):
            speaker = speakers[number % len(speakers)]
            target_key, target_span, enroll_key, enroll_span = self.regions(speaker)
            target = read(self.by_key[target_key], target_span)
            interferer, other = self.interference(speaker, len(target))
            sir_db = self.generator.uniform(*self.args.sir_db)
            mixture, (other,) = mix_sources(target, [other], [sir_db], kind="rms")
            scale = min(1.0, PEAK / max(np.abs(signal).max() for signal in (mixture, target, other)))
            # Rounded sources are added as integers: the mixture is their sum to the last bit.
            target, other = (np.round(signal * scale * 32768).astype(np.int32) for signal in (target, other))
            enrollment = np.round(read(self.by_key[enroll_key], enroll_span) * 32768).clip(-32768, 32767)
            key = f"{speaker}-mix{number:04d}"
            signals = {
                "mixture": target + other,
                "target": target,
                "interference": other,
                "enrollment": enrollment,
            }
            for (folder, signal), name in zip(signals.items(), names, strict=True):
                soundfile.write(
                    audio / folder / f"{key}.wav", signal.astype(np.int16), SAMPLE_RATE, subtype="PCM_16"
                )
                lists[name][key] = final / folder / f"{key}.wav"
            lists["utt2spk"][key] = lists["utt2enrollspk"][key] = speaker
            lists["utt2interferer"][key] = interferer
            lists["utt2sir"][key] = f"{sir_db:.4f}"
            ends = [f"{x / SAMPLE_RATE:.6f}" for s in (target_span, enroll_span) for x in (s.start, s.end)]
            lists["utt2regions"][key] = f"{target_key} {ends[0]} {ends[1]} {enroll_key} {ends[2]} {ends[3]}"
        return lists


def prepare(args: argparse.Namespace, work: Mapping[str, Path]) -> None:
    """Write everything into the folders ``work``: audio, train, dev and test."""
    utterances = find_utterances(args.librispeech)
    sets = split_speakers(utterances)
    lengths = {utterance.key: num_samples(utterance) for utterance in utterances}
    of_set = {name: [u for u in utterances if u.speaker in speakers] for name, speakers in sets.items()}
    write_train(work["train"], of_set["train"], lengths, args)
    for name, count in (("dev", args.dev_mixtures), ("test", args.test_mixtures)):
        maker = MixtureMaker(name, of_set[name], lengths, args)
        lists = maker.make(count, work["audio"] / name, args.data_dir / "audio" / name)
        write_speakers(work[name], lists.pop("utt2spk"))
        for file, entries in lists.items():
            write_scp(work[name] / file, entries)
        with atomic_write(work[name] / "protocol") as file:
            file.write(
                f"list: mini_librispeech {name}, seed {args.seed}\nsample_rate: {SAMPLE_RATE}\n"
                "mode: min\nkind: clean\n"
                "enrollment: another utterance, or a disjoint region of the same one\n"
                f"sir_db: [{args.sir_db[0]}, {args.sir_db[1]}]\n"
            )
        total_s = sum(
            soundfile.info(work["audio"] / name / "mixture" / f"{k}.wav").duration for k in lists["wav.scp"]
        )
        logging.info(f"{name}: {count} mixtures, mean {total_s / count:.2f} s")


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    for name in ("mixture_s", "enrollment_s"):
        low, high = getattr(args, name)
        if not SHORTEST_S <= low <= high:
            parser.error(f"--{name} wants LOW <= HIGH, at least {SHORTEST_S} s")
    if not -100 <= args.sir_db[0] <= args.sir_db[1] <= 100:
        parser.error("--sir_db wants LOW <= HIGH from -100 to 100")
    if min(args.dev_mixtures, args.test_mixtures) < 1 or min(args.gap_s, args.seed) < 0:
        parser.error("--dev_mixtures and --test_mixtures must be at least 1, --gap_s and --seed at least 0")
    if not args.librispeech.is_dir():
        parser.error(f"--librispeech: {args.librispeech} is no folder")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    return run_command("prepare_mini_librispeech", lambda: prepare_once(args))


def prepare_once(args: argparse.Namespace) -> None:
    """``prepare``, unless these options have been prepared; replaces what was there as a whole."""
    # Paths of the lists stay valid from any folder.
    args.librispeech = args.librispeech.resolve()
    options = {name: str(value) for name, value in vars(args).items()}
    # Stage 1 is redone for any change in local/, so that this mark has to know it, too.
    code = sha256_of_folder(Path(__file__).parent)
    digest = hashlib.sha256(json.dumps([VERSION, options, code], sort_keys=True).encode()).hexdigest()
    mark = args.data_dir / "mini_librispeech.done"
    whole = all((args.data_dir / name / "wav.scp").is_file() for name in ("train", "dev", "test"))
    forced = os.environ.get("force") == "true"  # --force of tse.sh
    if whole and not forced and is_marked(mark, digest):
        logging.info(f"{args.data_dir}: up to date (remove {mark} to prepare again)")
        return
    started = time.time()
    with replaced_folders(args.data_dir, ("audio", "train", "dev", "test"), [args.librispeech]) as work:
        mark.unlink(missing_ok=True)
        prepare(args, work)
    write_json(mark, {"options": options, "version": VERSION, "code": code, "sha256": digest})
    logging.info(f"mini_librispeech written to {args.data_dir} in {time.time() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
