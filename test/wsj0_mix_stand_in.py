#!/usr/bin/env python3
"""Small stand-ins under the official paths of WSJ0, WSJ0-2mix, WHAM! and WHAMR!, and of the lists that go with them.

``test/wsj0_mix_stand_in.py FOLDER`` writes FOLDER/{wsj0,wsj0_2mix,wham,whamr,lists,spex}.
"""

import sys
from pathlib import Path
from typing import Sequence

import numpy as np
import soundfile
from librimix_stand_in import RATE, voice

MIXED_RATE = 8000  # Hz, of the mixtures
SPEAKERS = {"si_tr_s": ("01a", "01b", "40c", "40d"), "si_dt_05": ("050", "22g"), "si_et_05": ("440", "441")}
UTTERANCES = ("c0201", "c020a", "a0101", "o0302")  # of each speaker, in two sessions and a third
SETS = {"tr": ("si_tr_s",), "cv": ("si_tr_s",), "tt": ("si_dt_05", "si_et_05")}
MIXTURES = {"tr": 6, "cv": 3, "tt": 4}
LEVELS = (1.2345, 0.0050422, 2.5, 0.41)
KINDS = {"mix_clean": ("s1", "s2"), "mix_single": ("s1", "noise"), "mix_both": ("s1", "s2", "noise")}


def write_pcm16(path: Path, signal: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal.astype(np.int16), rate, subtype="PCM_16")


def write_wsj0(root: Path, seconds: tuple[float, float] = (1.2, 1.6)) -> dict[str, np.ndarray]:
    """``root/<subset>/<speaker>/<utterance>.wav``; utterance -> samples."""
    signals = {}
    for subset, speakers in SPEAKERS.items():
        for speaker in speakers:
            for number, rest in enumerate(UTTERANCES):
                seed = [*speaker.encode(), number]
                length = int(np.random.default_rng(seed).uniform(*seconds) * RATE)
                signals[speaker + rest] = np.round(20000 * voice(seed, length))
                write_pcm16(root / subset / speaker / f"{speaker}{rest}.wav", signals[speaker + rest], RATE)
    return signals


def pairs_of(name: str) -> list[tuple[str, float, str]]:
    """First utterance, its level, second utterance of each mixture; tr and cv have other utterances."""
    speakers = [speaker for subset in SETS[name] for speaker in SPEAKERS[subset]]
    pairs = []
    for number in range(MIXTURES[name]):
        first, second = speakers[number % 4], speakers[(number + 1 + number // 4) % 4]
        rest = UTTERANCES[2] if name == "cv" else UTTERANCES[number // 2 % 2]
        pairs.append((first + rest, LEVELS[number % len(LEVELS)], second + rest))
    return pairs


def mixture_id(pair: tuple[str, float, str]) -> str:
    first, level, second = pair
    return f"{first}_{level:.5g}_{second}_{-level:.5g}"


def write_mixture(root: Path, name: str, pair: tuple[str, float, str], speech: dict[str, np.ndarray]) -> None:
    """The mixture in all three corpora: sources are whole numbers, mixtures their exact sums."""
    first, level, second = pair
    sources = [speech[key][::2] * 10 ** (sign * level / 40) / 2 for key, sign in ((first, 1), (second, -1))]
    length = min(map(len, sources))
    rng = np.random.default_rng([*mixture_id(pair).encode()])
    room = np.exp(-np.arange(400) / 80) * rng.standard_normal(400) * 0.2
    dry = {f"s{n}": np.round(source[:length]) for n, source in enumerate(sources, 1)}
    wet = {key: np.round(source + np.convolve(source, room)[:length]) for key, source in dry.items()}
    noise = {"noise": np.round(300 * rng.standard_normal(length))}

    def write(corpus: str, signal: str, samples: np.ndarray) -> None:
        write_pcm16(root / corpus / f"wav8k/min/{name}/{signal}/{mixture_id(pair)}.wav", samples, MIXED_RATE)

    for signal, samples in [("mix", dry["s1"] + dry["s2"]), *dry.items()]:
        write("wsj0_2mix/2speakers", signal, samples)
    for corpus, rooms in (("wham", {"": dry}), ("whamr", {"_anechoic": dry, "_reverb": wet})):
        write(corpus, "noise", noise["noise"])
        for suffix, signals in rooms.items():
            for signal, samples in signals.items():
                write(corpus, signal + suffix, samples)
            for mixture, parts in KINDS.items():
                write(corpus, mixture + suffix, sum((signals | noise)[part] for part in parts))


def write_lists(root: Path, name: str, pairs: Sequence[tuple[str, float, str]]) -> None:
    """The corpora's lists of mixtures, and SpEx+'s enrollments, in their formats."""
    subset = {speaker: subset for subset, speakers in SPEAKERS.items() for speaker in speakers}
    places = {
        pair: [f"wsj0/{subset[key[:3]]}/{key[:3]}/{key}.wav" for key in (pair[0], pair[2])] for pair in pairs
    }
    lists = root / "lists"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"mix_2_spk_{name}.txt").write_text(
        "".join(f"{places[pair][0]} {pair[1]} {places[pair][1]} {-pair[1]}\n" for pair in pairs)
    )
    rows = [f"{mixture_id(pair)}.wav,{','.join(places[pair])}\n" for pair in pairs]
    (lists / f"mix_2_spk_filenames_{name}.csv").write_text(
        "".join(["output_filename,s1_path,s2_path\n", *rows])
    )
    keys = [f"{mixture_id(pair)}_{key[:3]}{UTTERANCES[3]}" for pair in pairs for key in (pair[0], pair[2])]
    path = root / "spex/data/wsj0_2mix" / name / "aux.scp"
    path.parent.mkdir(parents=True, exist_ok=True)
    # A path of another machine, as there.
    path.write_text("".join(f"{key} /home/aux/{key[-8:]}.wav\n" for key in keys))


def write_corpora(root: Path, seconds: tuple[float, float] = (1.2, 1.6)) -> None:
    """Everything below ``root``."""
    speech = write_wsj0(root / "wsj0", seconds)
    for name in SETS:
        pairs = pairs_of(name)
        for pair in pairs:
            write_mixture(root, name, pair, speech)
        write_lists(root, name, pairs)


def main(cmd: Sequence[str]) -> int:
    write_corpora(Path(cmd[0]), (3.0, 3.6))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
