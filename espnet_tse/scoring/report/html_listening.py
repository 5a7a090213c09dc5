"""The page's listening part: players and spectrograms of chosen utterances, within a size limit."""

import logging
from dataclasses import dataclass

import numpy as np

from espnet_tse.scoring.report.columns import Column
from espnet_tse.scoring.report.html_tree import Html, breakable, element
from espnet_tse.scoring.report.listening import (
    Choice,
    Clip,
    ScpCache,
    choose_utterances,
    load_clips,
    ranking_metric,
)
from espnet_tse.scoring.report.results_table import GroupTables
from espnet_tse.scoring.report.spectrogram import (
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

    def audio_id(self, label: str) -> str | None:
        """The id of the player with this label, None where the file could not be read."""
        for index, clip in enumerate(self.clips):
            if clip.label == label and clip.samples is not None:
                return f"{self.id}-{index}"
        return None

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
        seen: dict[str, int] = {}
        for place, choice in enumerate(chosen):
            seen[choice.reason] = rank = seen.get(choice.reason, -1) + 1
            order.append((rank, number, place))
    return [(number, place) for _, number, place in sorted(order)]


def listening_section(groups: list[GroupTables], listening: Listening) -> Html:
    parts: list[Html] = [element("h2", "Listen")]
    parts.append(
        element(
            "p",
            f"Frequencies from 0 to {MAX_HZ // 1000} kHz, one colour scale for all pictures.",
            class_="muted",
        )
    )
    parts.append(colour_scale())
    if listening.num_left_out:
        text = f"{listening.num_left_out} more utterances would exceed the limit of {listening.max_mb:g} MB"
        parts.append(element("p", f"{text}; raise --max_mb.", class_="notice"))
    for tables, cards in zip(groups, listening.cards):
        parts.append(element("h3", tables.group.test_set))
        metric = ranking_metric(tables.group)
        if not cards:
            parts.append(
                element("p", "No audio: no per-utterance scores or no room on the page.", class_="muted")
            )
        columns = {column.name: column for table in tables.tables for column in table.columns}
        parts += [utterance_card(card, metric, columns) for card in cards.values()]
    return element("section", parts, id="listen")


def colour_scale() -> Html:
    from io import BytesIO

    from matplotlib import colormaps
    from PIL import Image

    ramp = (colormaps[COLOUR_MAP](np.linspace(0, 1, 64))[None, :, :3] * 255).round().astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(ramp).save(buffer, format="PNG")
    image = element(
        "img", src=data_uri(buffer.getvalue(), "image/png"), alt="colour scale from dark to bright"
    )
    low, high = (f"{level:g}".replace("-", "−") for level in (FLOOR_DB, CEILING_DB))
    return element("div", f"{low} dB", image, f"{high} dB re a full-scale sine", class_="scale")


def utterance_card(card: Card, metric: str | None, columns: dict[str, Column]) -> Html:
    choice = card.choice
    reason = element("span", choice.reason, class_=f"tag {choice.reason.split()[0]}")
    score = None
    if metric and choice.score is not None:
        head = columns[metric].head if metric in columns else metric
        score = element("span", f"mean {head} of the systems {choice.score:.3f}", class_="muted")
    top = element("div", element("h4", choice.utt), reason, score, class_="top")
    clips = [clip_figure(card, index, columns) for index in range(len(card.clips))]
    return element("article", top, element("div", clips, class_="clips"), class_="card utterance", id=card.id)


def clip_figure(card: Card, index: int, columns: dict[str, Column]) -> Html:
    clip, utt = card.clips[index], card.choice.utt
    if clip.samples is None:
        caption = element("figcaption", element("b", breakable(clip.label)))
        return element("figure", caption, element("div", clip.missing, class_="absent"), class_="clip")
    audio_id = f"{card.id}-{index}"
    play = element(
        "button",
        "▶",
        class_="play",
        type="button",
        data_audio=audio_id,
        aria_label=f"play {clip.label} of {utt}",
    )
    duration = element("span", f"{clip.duration_s:.1f} s", class_="muted")
    caption = element("figcaption", play, element("b", breakable(clip.label)), duration)
    image = element(
        "img",
        src=data_uri(card.pictures[index], "image/png"),
        alt=f"spectrogram of {clip.label}, {clip.duration_s:.1f} s",
    )
    picture = element("div", image, element("span", class_="head"), class_="picture")
    audio = element(
        "audio", id=audio_id, src=data_uri(clip.flac, "audio/flac"), controls=True, preload="none"
    )
    return element("figure", caption, picture, audio, figures(clip, columns), heard(clip), class_="clip")


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
            shown.append(element("span", f"{head} ", element("b", column.format_utterance(value))))
    return element("p", shown, class_="figures") if shown else None
