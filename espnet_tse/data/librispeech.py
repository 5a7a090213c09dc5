"""LibriSpeech's layout: ``<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac``."""

from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import visible_files

# Subset -> utterances, openslr.org/12.
PUBLISHED_COUNTS = {
    "train-clean-100": 28539,
    "train-clean-360": 104014,
    "train-other-500": 148688,
    "dev-clean": 2703,
    "dev-other": 2864,
    "test-clean": 2620,
    "test-other": 2939,
}


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


def find_utterances(root: Path, subset: str, published: bool = True) -> list[Utterance]:
    """All utterances of a subset, by key: no order of a directory listing enters.

    Args:
        published: as many are wanted as the published subset has: what is drawn over a part of them is another list.
    Raises:
        DataError: there are none, they are not as many, or a file is named otherwise than its folders.
    """
    paths = visible_files(root / subset, "*/*/*.flac")
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
    if published and len(utterances) != PUBLISHED_COUNTS.get(subset, len(utterances)):
        raise DataError(
            f"{root / subset}: holds {len(utterances)} utterances, the published subset {PUBLISHED_COUNTS[subset]}; what is "
            "drawn over others is another list. Unpack its archive (openslr.org/12) anew, or say --published_counts false "
            "(of LibriMix --published_metadata false) if the speech is your own."
        )
    return utterances


def transcripts_of(utterance: Utterance) -> dict[str, str]:
    """Words of all utterances of the chapter, key -> words in lower case; empty where there is no ``.trans.txt``."""
    path = utterance.path.parent / f"{utterance.chapter}.trans.txt"
    if not path.is_file():
        return {}
    lines = (line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines())
    return {key: words.strip().lower() for key, _, words in lines if words.strip()}
