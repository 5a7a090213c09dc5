"""Where the three corpora keep their audio: ``wav8k/min/tr/<folder of a signal>/<mixture>.wav``."""

from dataclasses import dataclass
from pathlib import Path

TITLES = {"wsj0_2mix": "WSJ0-2mix", "wham": "WHAM!", "whamr": "WHAMR!"}
KINDS = {"wsj0_2mix": ("clean",), "wham": ("clean", "both", "single"), "whamr": ("clean", "both", "single")}
ROOMS = ("anechoic", "reverb")  # of WHAMR!'s signals
SETS = ("tr", "cv", "tt")
MODES = ("min", "max")  # as long as the shorter, or the longer source
RATES = (8000, 16000)  # Hz
# Set -> mixtures, Hershey et al., Sec. 4; WHAM! and WHAMR! have the same.
PUBLISHED_COUNTS = {"tr": 20000, "cv": 5000, "tt": 3000}
# Set -> WSJ0's subsets that it is made of: cv has the speakers of tr, tt others.
SUBSETS = {"tr": ("si_tr_s",), "cv": ("si_tr_s",), "tt": ("si_dt_05", "si_et_05")}
NUM_SPEAKERS = 2


@dataclass(frozen=True)
class Wsj0MixSet:
    """One set at one rate and length."""

    corpus: str  # of TITLES
    root: Path  # holds wav8k
    name: str  # of SETS
    sample_rate: int  # Hz
    mode: str
    room: str = ""  # of WHAMR!'s mixture
    target_room: str = ""  # of its sources

    @property
    def folder(self) -> Path:
        return self.root / f"wav{self.sample_rate // 1000}k" / self.mode / self.name

    @property
    def adds_up(self) -> bool:
        """Whether the mixture is the sum of the sources: dry targets of a reverberant mixture are not its addends."""
        return self.room == self.target_room

    def signal_folder(self, signal: str) -> Path:
        """Of s1, s2, noise, mix_<kind>, whatever the corpus calls it."""
        if self.corpus == "wsj0_2mix" and signal == "mix_clean":
            return self.folder / "mix"
        if self.corpus == "whamr" and signal != "noise":
            return self.folder / f"{signal}_{self.room if signal.startswith('mix_') else self.target_room}"
        return self.folder / signal

    def path(self, signal: str, mixture_id: str) -> Path:
        return self.signal_folder(signal) / f"{mixture_id}.wav"


def mixture_root(folder: Path) -> Path:
    """The folder that holds wav8k: the scripts of WSJ0-2mix write it below ``2speakers``."""
    return folder / "2speakers" if (folder / "2speakers").is_dir() else folder


def sources_of(kind: str) -> list[str]:
    """The signals that a mixture of ``kind`` is made of."""
    return {"clean": ["s1", "s2"], "both": ["s1", "s2", "noise"], "single": ["s1", "noise"]}[kind]
