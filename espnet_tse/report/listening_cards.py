"""The utterances with audio on the page, read within its size limit."""

import logging
from collections import Counter
from dataclasses import dataclass

from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.listening import (
    Choice,
    Clip,
    ScpCache,
    choose_utterances,
    known_utterances,
    load_clips,
)
from espnet_tse.report.spectrogram import spectrogram_png

BYTES_PER_MB = 1_000_000
BASE64_GROWTH = 4 / 3


@dataclass
class Card:
    """One utterance on the page; ids are unique over the page."""

    choice: Choice
    clips: list[Clip]
    pictures: list[bytes]
    id: str

    def audio_id(self, index: int) -> str | None:
        """The id of the element that holds this clip's audio, None where the file could not be read."""
        return f"{self.id}-{index}" if self.clips[index].samples is not None else None

    @property
    def size(self) -> float:
        return BASE64_GROWTH * sum(len(c.flac) + len(p) for c, p in zip(self.clips, self.pictures))


@dataclass
class Listening:
    """The cards of each group, by group index and then by utterance, and what was left out."""

    cards: list[dict[str, Card]]
    num_left_out: int
    max_mb: float


def collect_cards(groups: list[GroupTables], count: int, max_mb: float, asked: tuple[str, ...]) -> Listening:
    """Read the audio of the chosen utterances until the page's limit is reached.

    Args:
        count: utterances of each group.
        max_mb: limit for audio and pictures together, in megabytes of page.
        asked: keys to show whatever their score; unknown ones are named in a warning.
    """
    unknown = set(asked).difference(*(known_utterances(tables.group) for tables in groups))
    if unknown:
        logging.warning("no scores of the utterances asked for: %s", ", ".join(sorted(unknown)))
    scps = ScpCache()
    choices = [choose_utterances(tables.group, count, asked) for tables in groups]
    cards: list[dict[str, Card]] = [{} for _ in groups]
    left_out, used, limit, full = 0, 0.0, max_mb * BYTES_PER_MB, False
    for number, place in reading_order(choices):
        choice = choices[number][place]
        if full:
            left_out += 1
            continue
        clips = load_clips(groups[number].group, choice.utt, scps)
        pictures = [b"" if c.samples is None else spectrogram_png(c.samples, c.sample_rate) for c in clips]
        card = Card(choice, clips, pictures, f"u{number}-{place}")
        if used + card.size > limit:
            left_out += 1
            full = card.size <= limit  # one that no page has room for says nothing about the others
            continue
        used += card.size
        cards[number][choice.utt] = card
    if left_out:
        logging.warning("%d utterances without audio: the page would exceed %g MB", left_out, max_mb)
    ordered = [
        {choice.utt: group[choice.utt] for choice in chosen if choice.utt in group}
        for group, chosen in zip(cards, choices)
    ]
    return Listening(ordered, left_out, max_mb)


def reading_order(choices: list[list[Choice]]) -> list[tuple[int, int]]:
    """(group, place) of all choices, so that a cut by size leaves some of every set and kind."""
    order = []
    for number, chosen in enumerate(choices):
        seen: Counter[str] = Counter()
        for place, choice in enumerate(chosen):
            order.append((seen[choice.reason], number, place))
            seen[choice.reason] += 1
    return [(number, place) for _, number, place in sorted(order)]
