"""A folder in LibriSpeech layout -> utterances, and which speakers train, develop and test."""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from espnet_tse.data.librispeech import PUBLISHED_COUNTS
from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import visible_files


@dataclass(frozen=True)
class Utterance:
    """One FLAC file ``<subset>/<speaker>/<chapter>/<key>.flac``."""

    key: str
    speaker: str
    subset: str
    path: Path
    text: str | None  # of the chapter's .trans.txt, where there is one


def find_utterances(root: Path) -> list[Utterance]:
    """All utterances below ``root`` (which holds the subsets), by key; of one in two subsets (train-clean-5 is a part of
    train-clean-100) the first.

    Raises:
        DataError: there are none, or speakers are no numbers.
    """
    if (root / "LibriSpeech").is_dir():
        root = root / "LibriSpeech"
    found: dict[str, Utterance] = {}
    for path in sorted(visible_files(root, "*/*/*/*.flac")):
        chapter, text = path.parent, _transcripts(path.parent).get(path.stem)
        speaker, subset = chapter.parent.name, chapter.parent.parent.name
        if not speaker.isdecimal():
            raise DataError(
                f"{path}: speaker '{speaker}' is no number; LIBRISPEECH must be laid out as published, "
                "<subset>/<speaker>/<chapter>/*.flac."
            )
        found.setdefault(path.stem, Utterance(path.stem, speaker, subset, path, text))
    if not found:
        raise DataError(
            f"{root}: no <subset>/<speaker>/<chapter>/*.flac below it; LIBRISPEECH must name the folder that "
            "holds train-clean-5, dev-clean-2 or other subsets."
        )
    _tell_parts(root, found.values())
    return [found[key] for key in sorted(found)]


def _tell_parts(root: Path, utterances: Iterable[Utterance]) -> None:
    """Warn of subsets of which only a part is there: what is drawn over them is another set than others have."""
    for subset, count in Counter(utterance.subset for utterance in utterances).items():
        if count < PUBLISHED_COUNTS.get(subset, 0):
            logging.warning(
                f"{root / subset}: {count} of its {PUBLISHED_COUNTS[subset]} published utterances, so the mixtures will not "
                "be those of the whole subset"
            )


_CHAPTERS: dict[Path, dict[str, str]] = {}


def _transcripts(chapter: Path) -> dict[str, str]:
    """``<speaker>-<chapter>.trans.txt``: key -> words."""
    if chapter not in _CHAPTERS:
        lines: dict[str, str] = {}
        for path in visible_files(chapter, "*.trans.txt"):
            for line in path.read_text(encoding="utf-8").splitlines():
                key, _, words = line.partition(" ")
                if words.strip():
                    lines[key] = words.strip().lower()
        _CHAPTERS[chapter] = lines
    return _CHAPTERS[chapter]


def split_speakers(utterances: list[Utterance]) -> dict[str, set[str]]:
    """Speakers of train, dev and test.

    - Subsets ``train-*``, ``dev-*`` and ``test-*`` are there: they are the sets.
    - ``train-*`` and only one of the others (mini LibriSpeech): its speakers, by number, go to dev and
      test in turn.
    - Otherwise every 12th speaker (positions 11, 23, ... by number) is dev, every 12th shifted by 6
      (positions 5, 17, ...) is test, the rest is train.
    """
    of_kind: dict[str, set[str]] = {"train": set(), "dev": set(), "test": set()}
    for utterance in utterances:
        kind = utterance.subset.split("-")[0]
        if kind in of_kind:
            of_kind[kind].add(utterance.speaker)
    if of_kind["train"] and of_kind["dev"] and of_kind["test"]:
        return of_kind
    held_out = of_kind["dev"] | of_kind["test"]
    if of_kind["train"] and held_out:
        ordered = sorted(held_out, key=int)
        return {"train": of_kind["train"], "dev": set(ordered[::2]), "test": set(ordered[1::2])}
    ordered = sorted({u.speaker for u in utterances}, key=int)
    dev, test = set(ordered[11::12]), set(ordered[5::12])
    return {"train": set(ordered) - dev - test, "dev": dev, "test": test}
