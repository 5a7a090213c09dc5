#!/usr/bin/env python3
"""Synthesise the mini_espeak corpus: data/train (single speaker, dynamic mixing), data/dev, data/test.

The same options always give the same samples, whatever --nj is.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
import soundfile
from espeak_synthesis import SAMPLE_RATE, Synthesiser, Voice
from grid_sentences import all_sentences, spoken_form
from voices import make_speakers

from espnet_tse.data.mixing import fit_length, mix_sources
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.done_mark import is_marked
from espnet_tse.io.files import atomic_write, sha256_of_folder, write_json
from espnet_tse.io.parent_process import end_with_parent
from espnet_tse.io.replaced_folder import replaced_folders
from espnet_tse.io.scp import DataError, write_scp

VERSION = 4  # raise it when the same options give other samples, and no file in local/ says so
LEVEL_RMS = 0.04  # -28 dBFS: two of the peakiest voices at +-5 dB stay below full scale
FOLDERS = ("audio", "train", "dev", "test")  # of the data directory
EDGE_S = 0.04  # silence kept before and after the speech
EDGE_LEVEL = 0.01  # of the peak: below it a sample counts as silence

MIXING = """\
# How data/train (one speaker an utterance) is mixed on the fly; see doc/data_format.md.
num_speakers: {{2: 1.0}}
sir_db: [{low}, {high}]
snr_kind: rms
overlap: [1.0, 1.0]
enrollment: other_utterance
enrollment_s: 5.0
"""


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--data_dir", type=Path, default=Path("data"), help="receives train, dev, test, audio"
    )
    parser.add_argument("--train_speakers", type=int, default=64)
    parser.add_argument("--dev_speakers", type=int, default=8)
    parser.add_argument("--test_speakers", type=int, default=12)
    parser.add_argument("--train_sentences", type=int, default=24, help="sentences of a training speaker")
    parser.add_argument("--dev_mixtures", type=int, default=48)
    parser.add_argument("--test_mixtures", type=int, default=48)
    parser.add_argument("--sir_db", type=float, nargs=2, default=[-5.0, 5.0], metavar=("LOW", "HIGH"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nj", type=int, default=2, help="processes; the result does not depend on it")
    return parser


def trim_and_level(waveform: np.ndarray) -> np.ndarray:
    """Cut the silence at both ends to EDGE_S and bring the speech to LEVEL_RMS. (N,) -> (M,) int16."""
    loud = np.flatnonzero(np.abs(waveform) > EDGE_LEVEL * np.abs(waveform).max())
    edge = round(EDGE_S * SAMPLE_RATE)
    padded = np.pad(waveform, edge)
    waveform = padded[loud[0] : loud[-1] + 1 + 2 * edge]
    waveform = waveform * (LEVEL_RMS / np.sqrt(np.mean(waveform**2)))
    return np.round(np.clip(waveform, -0.99, 0.99) * 32767).astype(np.int16)


def speak_all(task: tuple[Path, str, Voice, list[str]]) -> dict[str, int]:
    """Synthesise the sentences of one speaker as ``<folder>/<speaker>/<speaker>-NNNN.wav``.

    Returns:
        utterance id -> samples.
    """
    folder, speaker, voice, sentences = task
    synthesiser = Synthesiser()
    synthesiser.set_voice(voice)
    (folder / speaker).mkdir(parents=True, exist_ok=True)
    lengths = {}
    for number, sentence in enumerate(sentences):
        key = f"{speaker}-{number:04d}"
        waveform = trim_and_level(synthesiser.speak(spoken_form(sentence)))
        soundfile.write(folder / speaker / f"{key}.wav", waveform, SAMPLE_RATE, subtype="PCM_16")
        lengths[key] = len(waveform)
    return lengths


def write_lists(
    directory: Path, utt2spk: dict[str, str], text_name: str, text: dict[str, str], **scps
) -> None:
    """The files that both kinds of data directory share, and the scps given by name."""
    spk2utt: dict[str, list[str]] = {}
    for key in sorted(utt2spk):
        spk2utt.setdefault(utt2spk[key], []).append(key)
    write_scp(directory / "utt2spk", utt2spk)
    write_scp(directory / "spk2utt", {speaker: " ".join(keys) for speaker, keys in spk2utt.items()})
    write_scp(directory / text_name, text)
    for name, entries in scps.items():
        write_scp(directory / f"{name}.scp", entries)


def make_mixtures(
    name: str, num_mixtures: int, sentences: dict[str, str], audio: Path, final: Path, args
) -> dict:
    """Mix ``num_mixtures`` pairs of the speakers of one set; every speaker is target equally often.

    A mixture is as long as its target; the interferer is cut, or repeated, to that length. Sentences
    of the second half of each speaker serve as enrollment only, so no enrollment is heard in a mixture.

    Args:
        sentences: utterance id -> transcript of the set.
        audio: folder of the set that is being written; final: the name it will have.
    Returns:
        file name without ending -> key -> value.
    """
    # A generator of the set's own: the size of one set does not change another.
    generator = np.random.default_rng([args.seed, sum(name.encode())])
    by_speaker: dict[str, list[str]] = {}
    for key in sentences:
        by_speaker.setdefault(key.split("-")[0], []).append(key)
    speakers = sorted(by_speaker)
    fields: dict[str, dict] = {
        field: {}
        for field in (
            "wav",
            "spk1",
            "spk2",
            "enroll_spk1",
            "utt2spk",
            "text",
            "text_spk2",
            "utt2sir",
            "utt2regions",
        )
    }
    (audio / "mixture").mkdir(parents=True, exist_ok=True)
    (audio / "interference").mkdir(parents=True, exist_ok=True)
    read = {
        key: soundfile.read(audio / speaker / f"{key}.wav", dtype="int16")[0]
        for speaker, keys in by_speaker.items()
        for key in keys
    }
    for number in range(num_mixtures):
        speaker = speakers[number % len(speakers)]
        other = speakers[(number + generator.integers(1, len(speakers))) % len(speakers)]
        half = len(by_speaker[speaker]) // 2
        target_id = by_speaker[speaker][number // len(speakers) % half]
        enroll_id = by_speaker[speaker][half + generator.integers(len(by_speaker[speaker]) - half)]
        other_id = by_speaker[other][generator.integers(half)]
        target = read[target_id].astype(np.float64) / 32768
        interference = fit_length(read[other_id].astype(np.float64) / 32768, len(target), generator)
        sir_db = generator.uniform(*args.sir_db)
        _, (interference,) = mix_sources(target, [interference], [sir_db], kind="rms")
        # Rounded sources are added as integers: the mixture is their sum to the last bit.
        interference = np.round(interference * 32768).astype(np.int32)
        mixture = read[target_id].astype(np.int32) + interference
        if np.abs(mixture).max() > 32767:
            raise DataError(
                f"{name}: mixture {number}, the target at {sir_db:.1f} dB, clips; raise the lower end of "
                "--sir_db."
            )
        key = f"{speaker}_mix{number:04d}"
        for folder, signal in (("mixture", mixture), ("interference", interference)):
            path = audio / folder / f"{key}.wav"
            soundfile.write(path, signal.astype(np.int16), SAMPLE_RATE, subtype="PCM_16")
        seconds = {uid: len(read[uid]) / SAMPLE_RATE for uid in (target_id, enroll_id)}
        fields["wav"][key] = final / "mixture" / f"{key}.wav"
        fields["spk1"][key] = final / speaker / f"{target_id}.wav"
        fields["spk2"][key] = final / "interference" / f"{key}.wav"
        fields["enroll_spk1"][key] = final / speaker / f"{enroll_id}.wav"
        fields["utt2spk"][key] = speaker
        fields["text_spk2"][key] = sentences[other_id]
        fields["text"][key] = sentences[target_id]
        fields["utt2sir"][key] = f"{sir_db:.4f}"
        fields["utt2regions"][
            key
        ] = f"{target_id} 0 {seconds[target_id]:.6f} {enroll_id} 0 {seconds[enroll_id]:.6f}"
    return fields


def prepare(args: argparse.Namespace, mark: Path, identity: dict) -> None:
    """Write everything under temporary names, then put it in place, behind links, too, and leave the mark.

    Raises:
        DataError: more speakers or sentences are wanted than there are, a mixture clips, or a folder holds
            other sets.
    """
    started = time.time()
    speakers = make_speakers(args.train_speakers, args.dev_speakers, args.test_speakers, args.seed)
    sentences = share_sentences(args, speakers)
    transcripts = {
        name: {f"{speaker}-{i:04d}": text for speaker, own in spoken.items() for i, text in enumerate(own)}
        for name, spoken in sentences.items()
    }
    total, num_speakers = sum(map(len, transcripts.values())), sum(map(len, speakers.values()))
    print(f"synthesising {total} sentences of {num_speakers} speakers in {args.nj} processes", flush=True)
    with replaced_folders(args.data_dir, FOLDERS) as work:
        mark.unlink(missing_ok=True)
        # One process a speaker: see Synthesiser on why a speaker must not inherit another's state.
        tasks = {
            name: [
                (work["audio"] / name, speaker, voice, sentences[name][speaker])
                for speaker, voice in own.items()
            ]
            for name, own in speakers.items()
        }
        context = multiprocessing.get_context("fork")
        lengths: dict[str, int] = {}
        done = 0
        # Training's speech, the most, comes last: mixtures that clip are told before it is made.
        for name in ("test", "dev", "train"):
            # A pool a set: one that lives on forks its next workers while this process reads and writes audio, and a worker that
            # is forked inside of soundfile's lock waits for it for ever.
            with context.Pool(args.nj, end_with_parent, maxtasksperchild=1) as pool:
                for result in pool.imap_unordered(speak_all, tasks[name], chunksize=1):
                    lengths.update(result)
                    done += 1
                    if done % 20 == 0 or done == num_speakers:
                        print(f"  {done}/{num_speakers} speakers, {time.time() - started:.1f} s", flush=True)
            write_set = write_train if name == "train" else write_mixtures
            write_set(args, work, name, transcripts[name])
            write_json(work[name] / "voices.json", {s: asdict(voice) for s, voice in speakers[name].items()})
    seconds = {n: sum(lengths[k] for k in transcripts[n]) / SAMPLE_RATE for n in transcripts}
    for name in ("train", "dev", "test"):
        mean_s = seconds[name] / len(transcripts[name])
        print(
            f"{name}: {len(speakers[name])} speakers, {len(transcripts[name])} sentences, "
            f"{seconds[name] / 60:.1f} min, mean {mean_s:.2f} s"
        )
    write_json(mark, identity)
    print(f"mini_espeak written to {args.data_dir} in {time.time() - started:.1f} s")


def share_sentences(args: argparse.Namespace, speakers: dict) -> dict[str, dict[str, list[str]]]:
    """Set -> speaker -> the sentences to be spoken, none of them twice.

    Raises:
        DataError: there are not as many.
    """
    per_set = {
        "train": args.train_sentences,
        # As many sentences are spoken for enrollment as for mixtures.
        "dev": 2 * max(2, -(-args.dev_mixtures // args.dev_speakers)),
        "test": 2 * max(2, -(-args.test_mixtures // args.test_speakers)),
    }
    order = all_sentences(args.seed)
    total = sum(per_set[name] * len(own) for name, own in speakers.items())
    if total > len(order):
        raise DataError(
            f"{total} sentences are wanted, there are {len(order)}; ask for fewer (--train_sentences, "
            "--dev_mixtures, --test_mixtures)."
        )
    # Drawn from the end backwards for test and dev: they do not depend on the size of train.
    return {
        name: {speaker: [order.pop() for _ in range(per_set[name])] for speaker in speakers[name]}
        for name in ("test", "dev", "train")
    }


def write_train(
    args: argparse.Namespace, work: Mapping[str, Path], name: str, transcripts: dict[str, str]
) -> None:
    """A source directory, mixed while training."""
    utt2spk = {key: key.split("-")[0] for key in transcripts}
    audio = args.data_dir / "audio" / name
    wav = {key: audio / speaker / f"{key}.wav" for key, speaker in utt2spk.items()}
    write_lists(work[name], utt2spk, "text", transcripts, wav=wav)
    with atomic_write(work[name] / "mixing.yaml") as file:
        file.write(MIXING.format(low=args.sir_db[0], high=args.sir_db[1]))


def write_mixtures(
    args: argparse.Namespace, work: Mapping[str, Path], name: str, transcripts: dict[str, str]
) -> None:
    """A set of fixed mixtures."""
    count = getattr(args, f"{name}_mixtures")
    audio = args.data_dir / "audio" / name
    fields = make_mixtures(name, count, transcripts, work["audio"] / name, audio, args)
    scps = {scp: fields[scp] for scp in ("wav", "spk1", "spk2", "enroll_spk1")}
    write_lists(work[name], fields["utt2spk"], "text_spk1", fields["text"], **scps)
    write_scp(work[name] / "text_spk2", fields["text_spk2"])
    write_scp(work[name] / "utt2enrollspk", fields["utt2spk"])
    write_scp(work[name] / "utt2sir", fields["utt2sir"])
    write_scp(work[name] / "utt2regions", fields["utt2regions"])
    with atomic_write(work[name] / "protocol") as file:
        file.write(
            f"list: mini_espeak {name}, seed {args.seed}\nsample_rate: {SAMPLE_RATE}\nmode: min\n"
            f"kind: clean\nenrollment: another sentence of the target speaker\n"
            f"sir_db: [{args.sir_db[0]}, {args.sir_db[1]}]\n"
        )


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    for name in ("train_speakers", "dev_speakers", "test_speakers", "train_sentences"):
        if getattr(args, name) < 2:
            parser.error(
                f"--{name} must be at least 2 (a mixture and an enrollment want two), "
                f"got {getattr(args, name)}"
            )
    for name, least in {"dev_mixtures": 1, "test_mixtures": 1, "nj": 1, "seed": 0}.items():
        if getattr(args, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(args, name)}")
    if not -100 <= args.sir_db[0] <= args.sir_db[1] <= 100:
        parser.error(f"--sir_db wants LOW <= HIGH from -100 to 100, got {args.sir_db[0]} {args.sir_db[1]}")
    return run_command("prepare_mini_espeak", lambda: prepare_once(args))


def prepare_once(args: argparse.Namespace) -> None:
    """``prepare``, unless these options have been prepared."""
    options = {k: str(v) for k, v in vars(args).items() if k != "nj"}
    # Stage 1 is redone for any change in local/, so that this mark has to know it, too.
    code = sha256_of_folder(Path(__file__).parent)
    digest = hashlib.sha256(json.dumps([VERSION, options, code], sort_keys=True).encode()).hexdigest()
    identity = {"options": options, "version": VERSION, "code": code, "sha256": digest}
    mark = args.data_dir / "mini_espeak.done"
    whole = all((args.data_dir / name / "wav.scp").is_file() for name in ("train", "dev", "test"))
    forced = os.environ.get("force") == "true"  # --force of tse.sh
    if whole and not forced and is_marked(mark, digest):
        print(f"{args.data_dir}: up to date (remove {mark} to synthesise again)")
        return
    prepare(args, mark, identity)


if __name__ == "__main__":
    sys.exit(main())
