#!/usr/bin/env python3
"""Small stand-ins under the official paths of LibriSpeech, WHAM!'s noise and LibriMix's metadata: voices of harmonics.

``test/librimix_stand_in.py FOLDER`` writes FOLDER/{LibriSpeech,wham_noise,metadata/Libri2Mix,speakerbeam,laura}.
"""

import csv
import sys
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
import soundfile

from espnet_tse.data.librimix.metadata import SUBSETS

RATE = 16000
NOISES = {"train-100": "tr", "train-360": "tr", "dev": "cv", "test": "tt"}
# Subset -> speakers, utterances of each. Speakers have two chapters.
SIZES = {
    "train-clean-100": (4, 4),
    "train-clean-360": (4, 4),
    "train-other-500": (2, 2),
    "dev-clean": (4, 4),
    "test-clean": (4, 4),
}
MIXTURES = {"train-100": 6, "train-360": 6, "dev": 4, "test": 4}


def voice(seed: Sequence[int], num_samples: int) -> np.ndarray:
    """Harmonics of a pitch that moves, in syllables with pauses; (N,) float64."""
    rng = np.random.default_rng(seed)
    time = np.arange(num_samples) / RATE
    pitch = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = sum(rng.uniform(0.1, 1) / n * np.sin(n * phase) for n in range(1, 9))
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 4) * time + rng.uniform(0, 6)) + 0.3, 0, None)
    signal = harmonics * syllables + 0.003 * rng.standard_normal(num_samples)
    return 0.3 * signal / np.abs(signal).max()


def write_librispeech(
    root: Path, sizes: Mapping[str, tuple[int, int]] = SIZES, seconds: tuple[float, float] = (3.0, 3.6)
) -> dict[str, list[str]]:
    """FLAC files and transcripts; subset -> paths below ``root``."""
    paths: dict[str, list[str]] = {subset: [] for subset in sizes}
    for subset, (speakers, utterances) in sizes.items():
        first = 100 * list(SIZES).index(subset) + 119  # no speaker in two subsets
        for speaker in range(first, first + speakers):
            for number in range(utterances):
                chapter = 1000 + number % 2
                key = f"{speaker}-{chapter}-{number // 2:04d}"
                path = Path(subset) / str(speaker) / str(chapter) / f"{key}.flac"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                length = int(np.random.default_rng([speaker, number]).uniform(*seconds) * RATE)
                soundfile.write(root / path, voice([speaker, number], length), RATE, subtype="PCM_16")
                with (root / path.parent / f"{speaker}-{chapter}.trans.txt").open(
                    "a", encoding="utf-8"
                ) as file:
                    file.write(f"{key} SOME WORDS OF {speaker}\n")
                paths[subset].append(path.as_posix())
    return paths


def write_wham(root: Path, names: Sequence[str], seconds: float = 2.5) -> None:
    """Noises of two channels, shorter than some mixtures, so that they have to be extended."""
    for number, name in enumerate(names):
        rng = np.random.default_rng([7, number])
        samples = rng.standard_normal((int(seconds * RATE), 2)) * 0.05
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, samples.clip(-1, 1), RATE, subtype="PCM_16")


def make_rows(
    paths: Sequence[str], count: int, num_speakers: int, noise_folder: str, seed: int = 0
) -> list[dict[str, str]]:
    """Rows of LibriMix's metadata: speakers take turns, with another utterance each time, at gains that do not clip."""
    rng = np.random.default_rng([seed, num_speakers, count])
    speakers: dict[str, list[str]] = {}
    for path in paths:
        speakers.setdefault(path.split("/")[1], []).append(path)
    unused = {speaker: iter(own) for speaker, own in speakers.items()}
    names, rows = sorted(speakers), []
    for number in range(count):
        chosen = [next(unused[names[(number + place) % len(names)]]) for place in range(num_speakers)]
        row = {"mixture_ID": "_".join(Path(path).stem for path in chosen)}
        for place, path in enumerate(chosen, 1):
            row |= {f"source_{place}_path": path, f"source_{place}_gain": repr(float(rng.uniform(0.3, 0.9)))}
        rows.append(
            row
            | {
                "noise_path": f"{noise_folder}/n{number}.wav",
                "noise_gain": repr(float(rng.uniform(0.3, 0.8))),
            }
        )
    return rows


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_corpora(
    root: Path, mixtures: Mapping[str, int] = MIXTURES, num_speakers: int = 2
) -> dict[str, list[dict[str, str]]]:
    """Everything below ``root``; set -> rows of its metadata."""
    wanted = {SUBSETS[name]: SIZES[SUBSETS[name]] for name in mixtures}
    paths = write_librispeech(root / "LibriSpeech", wanted)
    rows = {}
    for seed, (name, count) in enumerate(mixtures.items()):
        rows[name] = make_rows(paths[SUBSETS[name]], count, num_speakers, f"{NOISES[name]}/{name}", seed)
        metadata = root / f"metadata/Libri{num_speakers}Mix"
        write_rows(metadata / f"libri{num_speakers}mix_{SUBSETS[name]}.csv", rows[name])
        write_wham(root / "wham_noise", [row["noise_path"] for row in rows[name]])
    return rows


def write_published_lists(root: Path, rows: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Lists in the formats of SpeakerBeam and LauraTSE, of the mixtures of ``write_corpora``."""
    for name in ("dev", "test"):
        own = rows[name]
        sources = [
            (Path(row[f"source_{n}_path"]).stem, f"s{n}/{row['mixture_ID']}") for row in own for n in (1, 2)
        ]
        lines = []
        for row in own:
            for n in (1, 2):
                utterance = Path(row[f"source_{n}_path"]).stem
                speaker = utterance.split("-")[0]
                # A source of another mixture, as there.
                others = [
                    place for key, place in sources if key.split("-")[0] == speaker and key != utterance
                ]
                lines.append(f"{row['mixture_ID']} {utterance} {others[0]}\n")
            enrollment = root / "laura" / f"libri2mix_{name}" / "aux_s1" / f"{row['mixture_ID']}.wav"
            enrollment.parent.mkdir(parents=True, exist_ok=True)
            number = int(Path(row["source_1_path"]).stem.split("-")[0])
            soundfile.write(enrollment, voice([number, 99], 4 * RATE), RATE, subtype="PCM_16")
        path = root / "speakerbeam/egs/libri2mix/data/wav8k/min" / name / "map_mixture2enrollment"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")
    known = sorted((root / "LibriSpeech").glob("train-clean-*/*/*/*.flac"))
    with (root / "laura/libri2mix_100_360_aux_s1.txt").open("w", encoding="utf-8") as file:
        for row in [*rows["train-100"], *rows["train-360"]]:
            speaker = row["mixture_ID"].split("-")[0]
            own = [path.stem for path in known if path.stem.split("-")[0] == speaker]
            file.write(f"{row['mixture_ID']} {own[0]}\n")


def main(cmd: Sequence[str]) -> int:
    root = Path(cmd[0])
    write_published_lists(root, write_corpora(root))
    write_librispeech(root / "LibriSpeech", {"train-other-500": SIZES["train-other-500"]})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
