"""WSJ0's layout as its mixtures want it: ``wsj0/<subset>/<speaker>/<utterance>.wav``, converted from the LDC's SPHERE files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import visible_files

SPHERE = (".wv1", ".wv2")
NAME_LENGTH = 8  # speaker (3), type of text (1), session (2), number (2): LDC93S6A, file names


@dataclass(frozen=True)
class Wsj0Utterance:
    """One file; its name holds speaker and session."""

    key: str
    path: Path

    @property
    def speaker(self) -> str:
        return speaker_of(self.key)

    @property
    def chapter(self) -> str:
        """Speaker and session."""
        return self.key[:3] + self.key[4:6]


def speaker_of(utterance: str) -> str:
    return utterance[:3]


def wsj0_root(folder: Path) -> Path:
    """The folder that holds si_tr_s, si_dt_05 ...: mixtures name it wsj0."""
    return folder / "wsj0" if (folder / "wsj0").is_dir() else folder


def find_wsj0_utterances(root: Path, subsets: Sequence[str]) -> list[Wsj0Utterance]:
    """All utterances of some subsets, by key: no order of a directory listing enters.

    Raises:
        DataError: a subset has none as WAV, or a file is named otherwise than WSJ0's.
    """
    found: list[Wsj0Utterance] = []
    for subset in subsets:
        files = [path for path in visible_files(root / subset, "*/*") if path.is_file()]
        own = [Wsj0Utterance(path.stem, path) for path in files if path.suffix.lower() == ".wav"]
        if not own:
            sphere = any(path.suffix.lower() in SPHERE for path in files)
            fix = (
                "its SPHERE files have to be converted (sph2pipe -f wav), as for the mixtures."
                if sphere
                else f"WSJ0 names the folder that holds {' and '.join(subsets)} (LDC93S6A)."
            )
            raise DataError(f"{root / subset}: no <speaker>/*.wav below it; {fix}")
        found += own
    for utterance in found:
        if len(utterance.key) != NAME_LENGTH or utterance.path.parent.name != utterance.speaker:
            raise DataError(
                f"{utterance.path}: is not named <speaker><type><session><number>.wav after its folder; WSJ0 must be laid "
                "out as published, names in lower case."
            )
    return sorted(found, key=lambda utterance: utterance.key)
