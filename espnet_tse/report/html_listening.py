"""The page's listening part: players and spectrograms of chosen utterances, within a size limit."""

import base64
import logging
from collections import Counter
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from espnet_tse.report.collect import ComparableGroup
from espnet_tse.report.columns import Column
from espnet_tse.report.html_tree import Html, breakable, element, minus
from espnet_tse.report.listening import (
    Choice,
    Clip,
    ScpCache,
    choose_utterances,
    load_clips,
    ranking_metric,
)
from espnet_tse.report.results_file import group_titles
from espnet_tse.report.results_table import GroupTables
from espnet_tse.report.spectrogram import (
    CEILING_DB,
    COLOUR_MAP,
    FLOOR_DB,
    MAX_HZ,
    data_uri,
    spectrogram_png,
)

BYTES_PER_MB = 1_000_000
BASE64_GROWTH = 4 / 3
# Shown under a player beside the voice similarities; the per-utterance table has all.
TILE_METRICS = ("dnsmos_ovrl", "si_sdr", "estoi")


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
        asked: keys to show whatever their score.
    """
    scps = ScpCache()
    choices = [choose_utterances(tables.group, count, asked) for tables in groups]
    cards: list[dict[str, Card]] = [{} for _ in groups]
    left_out, used = 0, 0.0
    for number, place in reading_order(choices):
        choice = choices[number][place]
        if left_out:
            left_out += 1
            continue
        clips = load_clips(groups[number].group, choice.utt, scps)
        pictures = [b"" if c.samples is None else spectrogram_png(c.samples, c.sample_rate) for c in clips]
        card = Card(choice, clips, pictures, f"u{number}-{place}")
        if used + card.size > max_mb * BYTES_PER_MB:
            left_out += 1
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


def listening_section(groups: list[GroupTables], listening: Listening) -> Html:
    parts: list[Html] = [element("h2", "Listen"), how_to_listen(), colour_scale()]
    if listening.num_left_out:
        text = f"{listening.num_left_out} more utterances would exceed the limit of {listening.max_mb:g} MB"
        parts.append(element("p", f"{text}; raise --max_mb.", class_="notice"))
    for tables, title, cards in zip(groups, group_titles(groups), listening.cards):
        parts.append(element("h3", title))
        parts.append(element("p", what_is_here(tables.group, cards), class_="muted"))
        metric = ranking_metric(tables.group)
        parts += [utterance_card(card, metric, tables.columns) for card in cards.values()]
    return element("section", parts, id="listen")


def how_to_listen() -> Html:
    keys = [element("kbd", key) for key in ("1", "9", "space")]
    return element(
        "p",
        "Click a spectrogram to hear it from there. Keys ",
        keys[0],
        " to ",
        keys[1],
        " switch between the signals of an utterance without losing the place; ",
        keys[2],
        " plays and pauses. The enrollment is another recording and keeps its own place.",
        class_="muted",
    )


def what_is_here(group: ComparableGroup, cards: dict[str, Card]) -> str:
    """Which utterances have audio, and how the others get theirs."""
    total = len({str(row["utt"]) for result in group.results for row in result.utterances})
    if not cards:
        return "No audio: no per-utterance scores or no room on the page."
    kinds = Counter(card.choice.reason for card in cards.values())
    shown = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    text = f"{len(cards)} of {total} utterances have audio here: {shown}."
    if len(cards) < total:
        text += " The others would make it large: --num_utts N takes more, --utts KEY chosen ones."
    return text


def colour_scale() -> Html:
    from matplotlib import colormaps
    from PIL import Image

    ramp = (colormaps[COLOUR_MAP](np.linspace(0, 1, 64))[None, :, :3] * 255).round().astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(ramp).save(buffer, format="PNG")
    image = element(
        "img", src=data_uri(buffer.getvalue(), "image/png"), alt="colour scale from dark to bright"
    )
    low, high = (minus(f"{level:g} dB") for level in (FLOOR_DB, CEILING_DB))
    return element("div", element("span", low), image, f"{high} re a full-scale sine", class_="scale")


def utterance_card(card: Card, metric: str | None, columns: dict[str, Column]) -> Html:
    choice = card.choice
    whose = f": {', '.join(choice.systems)}" if choice.systems else ""
    reason = element("span", choice.reason + whose, class_=f"tag {choice.reason.split()[0]}")
    score = None
    if metric and choice.score is not None:
        head = columns[metric].head if metric in columns else metric
        score = element("span", f"mean {head} of the systems {choice.score:.3f}", class_="muted")
    top = element("div", element("h4", breakable(choice.utt)), reason, score, class_="top")
    clips = [clip_figure(card, index, columns) for index in range(len(card.clips))]
    return element("article", top, element("div", clips, class_="clips"), class_="card utterance", id=card.id)


def clip_figure(card: Card, index: int, columns: dict[str, Column]) -> Html:
    """One signal: its button with the key that picks it, its picture with the play head, its scores."""
    clip, audio_id = card.clips[index], card.audio_id(index)
    name = element("b", breakable(clip.label))
    if audio_id is None:
        absent = element("div", clip.missing, class_="absent")
        return element("figure", element("figcaption", name), absent, class_="clip")
    key = element("kbd", index + 1) if index < 9 else None
    pick = element("button", key, name, type="button", class_="pick", aria_pressed="false")
    seconds = element("span", f"{clip.duration_s:.1f} s", class_="muted")
    image = element(
        "img",
        src=data_uri(card.pictures[index], "image/png"),
        alt=f"spectrogram of {clip.label}, {clip.duration_s:.1f} s",
    )
    top_hz = min(MAX_HZ, clip.sample_rate / 2)
    picture = element(
        "div",
        image,
        element("span", f"{top_hz / 1000:g} kHz", class_="hz"),
        element("span", class_="head"),
        class_="picture",
    )
    # Text, not a source: the browser decodes it only when it is played.
    audio = element(
        "script", Html(base64.b64encode(clip.flac).decode("ascii")), type="audio/flac;base64", id=audio_id
    )
    return element(
        "figure",
        element("figcaption", pick, seconds),
        picture,
        audio,
        figures(clip, columns),
        heard(clip),
        class_="clip",
        data_signal=index,
    )


def heard(clip: Clip) -> Html | None:
    """What recognisers understood, where they were run: ``hyp_<tag>`` of scores.jsonl."""
    texts = {name: text for name, text in (clip.scores or {}).items() if name.startswith("hyp_")}
    lines = [
        element(
            "span", element("span", f"{name.removeprefix('hyp_')} hears ", class_="muted"), text or "nothing"
        )
        for name, text in texts.items()
    ]
    return element("p", lines, class_="heard") if lines else None


def figures(clip: Clip, columns: dict[str, Column]) -> Html | None:
    """The utterance's own scores, the few that say whether the right voice came out well."""
    if clip.scores is None:
        return None
    shown = []
    for name, column in columns.items():
        value = clip.scores.get(name)
        if (name in TILE_METRICS or name.startswith("spk_")) and isinstance(value, (int, float)):
            head = column.head.partition("(")[0]
            shown.append(element("span", f"{head} ", element("b", minus(column.format_utterance(value)))))
    return element("p", shown, class_="figures") if shown else None
