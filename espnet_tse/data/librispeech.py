"""LibriSpeech's layout: ``<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac``."""

from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.scp import DataError


@dataclass(frozen=True)
class Utterance:
    """One file; its name holds speaker and chapter."""

    key: str
    path: Path

    @property
    def speaker(self) -> str:
        return self.key.split("-")[0]

    @property
    def chapter(self) -> str:
        """``<speaker>-<chapter>``."""
        return self.key.rpartition("-")[0]


def librispeech_root(folder: Path) -> Path:
    """The folder that holds the subsets: what the archives unpack to is ``LibriSpeech/<subset>``."""
    return folder / "LibriSpeech" if (folder / "LibriSpeech").is_dir() else folder


def find_utterances(root: Path, subset: str) -> list[Utterance]:
    """All utterances of a subset, by key: no order of a directory listing enters.

    Raises:
        DataError: there are none, or a file is named otherwise than its folders.
    """
    paths = (root / subset).glob("*/*/*.flac")
    utterances = sorted((Utterance(path.stem, path) for path in paths), key=lambda utterance: utterance.key)
    if not utterances:
        raise DataError(
            f"{root / subset}: no <speaker>/<chapter>/*.flac below it; LIBRISPEECH names the folder that holds {subset} "
            "(openslr.org/12)."
        )
    for utterance in utterances:
        chapter = utterance.path.parent
        if utterance.chapter != f"{chapter.parent.name}-{chapter.name}":
            raise DataError(
                f"{utterance.path}: is not named <speaker>-<chapter>-<number>.flac after its folders; LIBRISPEECH must be "
                "laid out as published."
            )
    return utterances


def transcripts_of(utterance: Utterance) -> dict[str, str]:
    """Words of all utterances of the chapter, key -> words in lower case; empty where there is no ``.trans.txt``."""
    path = utterance.path.parent / f"{utterance.chapter}.trans.txt"
    if not path.is_file():
        return {}
    lines = (line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines())
    return {key: words.strip().lower() for key, _, words in lines if words.strip()}
