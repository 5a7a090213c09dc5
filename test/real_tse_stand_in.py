"""Stand-ins for the data of real_tse and of noise corpora: noises that are told apart by their colour, in the real layouts."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 16000


def voice(seed: int, duration_s: float) -> np.ndarray:
    """A harmonic tone of a pitch of its own, in syllables; (N,)."""
    times = np.arange(round(duration_s * RATE)) / RATE
    pitch = 90 + 15 * seed
    tone = sum(np.sin(2 * np.pi * pitch * n * times + seed) / n for n in range(1, 9))
    return 0.1 * tone * np.sqrt(np.maximum(0, np.sin(2 * np.pi * (2 + 0.1 * seed) * times)))


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def write_librispeech(root: Path, subsets: tuple[str, ...], speakers: int = 3, utterances: int = 2) -> Path:
    """``<subset>/<speaker>/7/<speaker>-7-<number>.flac`` of 2 to 3 s; no speaker in two subsets."""
    for place, subset in enumerate(subsets):
        for number in range(speakers):
            speaker = 10 * (place + 1) + number
            for utterance in range(utterances):
                samples = voice(speaker, 2.0 + 0.4 * utterance)
                write(root / subset / str(speaker) / "7" / f"{speaker}-7-{utterance:04d}.flac", samples)
    return root


def write_recordings(root: Path) -> Path:
    """Four recordings of two speakers: two with times, one without, one without the target; one of two channels."""
    for number, key in enumerate(("call-1", "call-2", "call-3", "call-4")):
        target, other = voice(2 + number // 2, 2.0), voice(8 + number, 2.0)
        target[RATE:] = 0
        mixture = other if key == "call-4" else target + other
        if key == "call-2":
            write(root / "mixture" / f"{key}.wav", np.stack([mixture, mixture], axis=1))
        else:
            write(root / "mixture" / f"{key}.flac", mixture)
    for number, name in enumerate(("anna", "ben")):
        write(root / "enrollment" / f"{name}.wav", voice(2 + number, 1.5))
    lists = {
        "utt2enroll": "call-1 anna\ncall-2 anna\ncall-3 ben\ncall-4 ben\n",
        "utt2activity": "call-1 0-1\ncall-3 0.1-0.9\ncall-4 none\n",
        "text": "call-1 good morning\ncall-2 come in\ncall-3 not today\n",
    }
    for name, text in lists.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def write_noises(root: Path) -> dict[str, Path]:
    """MUSAN at 16 kHz and DEMAND at 48 kHz; variable -> folder."""
    generator = np.random.default_rng(0)
    for name in ("free-sound/noise-free-sound-0000", "sound-bible/noise-sound-bible-0000"):
        write(root / "musan/noise" / f"{name}.wav", generator.normal(0, 0.05, 3 * RATE))
    for name in ("DKITCHEN", "STRAFFIC"):
        write(root / "demand" / name / "ch01.wav", generator.normal(0, 0.05, 9 * RATE), 3 * RATE)
    return {"MUSAN": root / "musan", "DEMAND": root / "demand"}


def write_restoration(root: Path) -> Path:
    """Clean speech of five speakers, noise at 48 kHz, a room, and three noisy recordings with their targets."""
    for number in range(5):
        for utterance in range(2):
            write(root / f"clean/reader_{number}/part {utterance}.wav", voice(number, 1.5 + 0.3 * utterance))
    write_noises(root / "all")
    (root / "all/demand").rename(root / "noise")
    response = np.zeros(800)
    response[[20, 300]] = 0.9, 0.3
    write(root / "rir/small.wav", response)
    for number in range(3):
        clean = voice(6 + number, 1.2)
        hiss = np.random.default_rng(number).normal(0, 0.01, len(clean))
        write(root / f"test/clean/fileid_{number}.wav", clean)
        write(root / f"test/noisy/fileid_{number}.wav", clean + hiss)
    return root
