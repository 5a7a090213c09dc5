#!/usr/bin/env python3
"""A corpus laid out as mini LibriSpeech, spoken by the voices of mini_espeak: for tests without real speech.

``test/librispeech_stand_in.py FOLDER`` writes ``FOLDER/{train-clean-5,dev-clean-2}``, always with the same
samples, and leaves a folder that is there as it is.
"""

import argparse
import multiprocessing
import shutil
import sys
from pathlib import Path
from typing import Sequence

import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "egs2" / "mini_espeak" / "tse1" / "local"))
from espeak_synthesis import SAMPLE_RATE, Synthesiser, Voice  # noqa: E402
from grid_sentences import all_sentences, spoken_form  # noqa: E402
from prepare_mini_espeak import trim_and_level  # noqa: E402
from voices import make_speakers  # noqa: E402

TRAIN_SPEAKERS = 12
HELD_OUT_SPEAKERS = 8  # the recipe makes four of dev and four of test of them
UTTERANCES = 4  # of a speaker, of one sentence and of two in turn: about 2 and 4.5 s
CHAPTER = 7  # of every speaker
SEED = 0


def speaker_name(number: int) -> str:
    """The speaker's number in LibriSpeech's way: their order as text is not that as numbers."""
    return str(37 * number % 1009)


def speak_chapter(task: tuple[Path, str, Voice, list[list[str]]]) -> float:
    """Write ``<subset>/<speaker>/<chapter>/*.flac`` and the transcripts, in capitals as LibriSpeech has them.

    Args:
        task: folder of the subset, speaker, voice, the sentences of each utterance.
    Returns:
        seconds of speech.
    """
    subset, speaker, voice, utterances = task
    synthesiser = Synthesiser()
    synthesiser.set_voice(voice)
    chapter = subset / speaker / str(CHAPTER)
    chapter.mkdir(parents=True)
    num_samples, transcripts = 0, []
    for number, sentences in enumerate(utterances):
        key = f"{speaker}-{CHAPTER}-{number:04d}"
        waveform = trim_and_level(synthesiser.speak(", ".join(map(spoken_form, sentences))))
        soundfile.write(chapter / f"{key}.flac", waveform, SAMPLE_RATE, subtype="PCM_16")
        transcripts.append(f"{key} {' '.join(sentences).upper()}\n")
        num_samples += len(waveform)
    (chapter / f"{speaker}-{CHAPTER}.trans.txt").write_text("".join(transcripts), encoding="utf-8")
    return num_samples / SAMPLE_RATE


def write_corpus(folder: Path) -> None:
    """Both subsets below ``folder``."""
    voices = make_speakers(TRAIN_SPEAKERS, HELD_OUT_SPEAKERS, 0, SEED)
    sentences = all_sentences(SEED)
    tasks = []
    for subset, name in (("train-clean-5", "train"), ("dev-clean-2", "dev")):
        for voice in voices[name].values():
            utterances = [[sentences.pop() for _ in range(1 + n % 2)] for n in range(UTTERANCES)]
            tasks.append((folder / subset, speaker_name(len(tasks) + 1), voice, utterances))
    # One process a speaker: see Synthesiser on why a speaker must not inherit another's state.
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        seconds = sum(pool.imap_unordered(speak_chapter, tasks, chunksize=1))
    print(f"{len(tasks)} speakers, {len(tasks) * UTTERANCES} utterances, {seconds / 60:.1f} min")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="receives the subsets; what LIBRISPEECH then names")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    folder = get_parser().parse_args(cmd).folder
    if folder.exists():
        print(f"{folder}: there already (remove it to synthesise again)")
        return 0
    work = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    write_corpus(work)
    work.rename(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
