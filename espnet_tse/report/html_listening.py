"""The page's listening part: players and spectrograms of the chosen utterances."""

import base64
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from markupsafe import Markup

from espnet_tse.report.collect import ComparableGroup
from espnet_tse.report.columns import Column
from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.listening import Clip, ranking_metric
from espnet_tse.report.listening_cards import Card, Listening
from espnet_tse.report.page_templates import render
from espnet_tse.report.results_file import group_titles
from espnet_tse.report.spectrogram import CEILING_DB, COLOUR_MAP, FLOOR_DB, MAX_HZ, data_uri

# Shown under a player beside the voice similarities; the per-utterance table has all.
TILE_METRICS = ("dnsmos_ovrl", "si_sdr", "estoi")


@dataclass(frozen=True)
class Tile:
    """One signal as the template shows it; without audio only label and reason."""

    label: str
    audio_id: str | None  # None: the file could not be read
    index: int
    missing: str = ""
    seconds: str = ""
    picture: str = field(default="", repr=False)  # data URI
    top_khz: str = ""
    audio: str = field(default="", repr=False)  # base64
    figures: tuple[tuple[str, str], ...] = ()  # head, value
    heard: tuple[tuple[str, str], ...] = ()  # recogniser, text


def listening_section(groups: list[GroupTables], listening: Listening) -> Markup:
    """Instructions, the colour scale, and the cards of every group."""
    shown = [
        {
            "title": title,
            "lead": what_is_here(tables.group, cards),
            "cards": [
                card_view(card, ranking_metric(tables.group), tables.columns) for card in cards.values()
            ],
        }
        for tables, title, cards in zip(groups, group_titles(groups), listening.cards)
    ]
    left_out = (
        f"{listening.num_left_out} more utterances would exceed the limit of {listening.max_mb:g} MB; "
        "raise --max_mb."
        if listening.num_left_out
        else ""
    )
    return render("listening.html", groups=shown, scale=colour_scale(), left_out=left_out)


def what_is_here(group: ComparableGroup, cards: dict[str, Card]) -> str:
    """Which utterances have audio, and how to add others."""
    total = len({str(row["utt"]) for result in group.results for row in result.utterances})
    if not cards:
        return "No audio: no per-utterance scores or no room on the page."
    kinds = Counter(card.choice.reason for card in cards.values())
    shown = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    text = f"{len(cards)} of {total} utterances have audio here: {shown}."
    if len(cards) < total:
        text += " The others would make it large: --num_utts N takes more, --utts KEY chosen ones."
    return text


def colour_scale() -> dict[str, str]:
    """The spectrograms' colours as a picture, and the levels at its ends."""
    from matplotlib import colormaps
    from PIL import Image

    ramp = (colormaps[COLOUR_MAP](np.linspace(0, 1, 64))[None, :, :3] * 255).round().astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(ramp).save(buffer, format="PNG")
    picture = data_uri(buffer.getvalue(), "image/png")
    return {"picture": picture, "low": f"{FLOOR_DB:g} dB", "high": f"{CEILING_DB:g} dB"}


def card_view(card: Card, metric: str | None, columns: dict[str, Column]) -> dict:
    """What the template shows of one utterance."""
    choice, score = card.choice, ""
    if metric and choice.score is not None:
        head = columns[metric].head if metric in columns else metric
        score = f"mean {head} of the systems {choice.score:.3f}"
    return {
        "id": card.id,
        "utt": choice.utt,
        "reason": choice.reason,
        "systems": choice.systems,
        "score": score,
        "clips": [tile(card, index, columns) for index in range(len(card.clips))],
    }


def tile(card: Card, index: int, columns: dict[str, Column]) -> Tile:
    """One signal of an utterance."""
    clip, audio_id = card.clips[index], card.audio_id(index)
    if audio_id is None:
        return Tile(clip.label, None, index, clip.missing)
    return Tile(
        clip.label,
        audio_id,
        index,
        seconds=f"{clip.duration_s:.1f}",
        picture=data_uri(card.pictures[index], "image/png"),
        top_khz=f"{min(MAX_HZ, clip.sample_rate / 2) / 1000:g}",
        audio=base64.b64encode(clip.flac).decode("ascii"),
        figures=figures(clip, columns),
        heard=heard(clip),
    )


def heard(clip: Clip) -> tuple[tuple[str, str], ...]:
    """(recogniser, text) of what was understood, where one was run: ``hyp_<tag>`` of scores.jsonl."""
    texts = {name: text for name, text in (clip.scores or {}).items() if name.startswith("hyp_")}
    return tuple((name.removeprefix("hyp_"), text) for name, text in texts.items())


def figures(clip: Clip, columns: dict[str, Column]) -> tuple[tuple[str, str], ...]:
    """The utterance's own scores, the few that say whether the right voice came out well."""
    shown = []
    for name, column in columns.items():
        value = (clip.scores or {}).get(name)
        if (name in TILE_METRICS or name.startswith("spk_")) and isinstance(value, (int, float)):
            shown.append((column.head.partition("(")[0], column.format_utterance(value)))
    return tuple(shown)
