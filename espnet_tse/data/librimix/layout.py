"""Where LibriMix keeps its audio: ``wav16k/min/train-100/{s1,s2,noise,mix_clean,mix_both}/<mixture>.wav``."""

from dataclasses import dataclass
from pathlib import Path

RATES = (8000, 16000)  # Hz
MODES = ("min", "max")  # as long as the shortest, or the longest source
KINDS = ("clean", "both", "single")  # all speakers; and the noise; the first speaker and the noise


@dataclass(frozen=True)
class LibriMixSet:
    """One set at one rate and length."""

    root: Path  # Libri2Mix or Libri3Mix
    num_speakers: int
    name: str  # train-360, train-100, dev, test
    sample_rate: int  # Hz
    mode: str

    @property
    def folder(self) -> Path:
        return self.root / f"wav{self.sample_rate // 1000}k" / self.mode / self.name

    def path(self, signal: str, mixture_id: str) -> Path:
        """File of a mixture's signal: s1, s2 ..., noise, mix_<kind>."""
        return self.folder / signal / f"{mixture_id}.wav"

    def signals(self, kinds: tuple[str, ...]) -> list[str]:
        """Folders that mixtures of these kinds need."""
        noise = ["noise"] if set(kinds) - {"clean"} else []
        return [f"s{n}" for n in range(1, self.num_speakers + 1)] + noise + [f"mix_{kind}" for kind in kinds]


def addends(num_speakers: int, kind: str) -> list[str]:
    """The signals whose sum a mixture of ``kind`` is, in the order of summation."""
    speakers = [f"s{n}" for n in range(1, num_speakers + 1)]
    return {"clean": speakers, "both": [*speakers, "noise"], "single": ["s1", "noise"]}[kind]
