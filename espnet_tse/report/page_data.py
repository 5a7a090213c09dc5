"""The scores of a comparable group as plain data, from which the page's scripts draw charts and tables."""

from typing import Any, Iterable

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from espnet_tse.report.collect import ComparableGroup, natural_key
from espnet_tse.report.columns import Column
from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.listening import measures_speaker, ranking_metric, what_came_out
from espnet_tse.report.listening_cards import Card
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.reference_systems import is_mixture
from espnet_tse.scoring.result.scored_set import ScoredSet

INPUT_SIR = "input_sir_db"
# Fields of scores.jsonl beside the results' columns: what an utterance is, then what its estimate is like.
PROPERTIES = (
    Column("input SIR", "property", INPUT_SIR, 1, 1, None, "SI-SDR of the mixture", "dB"),
    Column("target s", "property", "dur_ref", 2, 1, None, "duration of the target, seconds"),
    Column("est. s", "property", "dur_est", 2, 1, None, "duration of the estimate, seconds"),
    Column("enroll s", "property", "enroll_s", 2, 1, None, "duration of the enrollment, seconds"),
    Column("overlap %", "property", "overlap", 0, 100, None, "share of the target that others talk over"),
)
FACTS = ("spk", "buckets")
# Fields that are no scores: text, or shown apart.
OTHER_FIELDS = {"utt", "spk", "flags", "buckets", "duration"}


def page_json(groups: list[GroupTables], cards: list[dict[str, Card]]) -> Markup:
    """All groups as JSON for a script element: nothing in it can end the element or open a comment."""
    data = [group_data(tables, group_cards) for tables, group_cards in zip(groups, cards)]
    return htmlsafe_json_dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def group_data(tables: GroupTables, cards: dict[str, Card]) -> dict[str, Any]:
    """One group: utterances by place, and by system and column one value an utterance (None: none)."""
    group = tables.group
    rows = [{str(row["utt"]): row for row in result.utterances} for result in group.results]
    utts = sorted({utt for by_utt in rows for utt in by_utt}, key=natural_key)
    columns = utterance_columns(tables, rows)
    # Facts about the utterance itself: not every system's rows have them.
    facts = [
        {name: row[name] for by_utt in rows if (row := by_utt.get(utt)) for name in FACTS if row.get(name)}
        for utt in utts
    ]
    return {
        "testSet": group.test_set,
        "ranking": ranking_metric(group),
        "utts": utts,
        "speakers": [fact.get("spk") for fact in facts] if any("spk" in fact for fact in facts) else None,
        "columns": [column_data(column) for column in columns],
        "systems": [
            {
                "name": result.system,
                "reference": result.is_reference,
                "values": [[shown(by_utt.get(utt), column) for utt in utts] for column in columns],
                "present": [int(utt in by_utt) for utt in utts],
                "flags": {
                    place: flags
                    for place, utt in enumerate(utts)
                    if (flags := flags_of(by_utt.get(utt), result.system))
                },
                # None where it was not measured: an empty list would mean that there were none.
                "wrong": places(result, by_utt, utts, "wrong speaker") if measures_speaker(result) else None,
                "failed": places(result, by_utt, utts, "failed"),
            }
            for result, by_utt in zip(group.results, rows)
        ],
        "labels": bucket_labels(facts),
        "buckets": {name: bucket_data(name, group, columns) for name in bucket_names(group)},
        "cards": {place: card_data(cards[utt], group) for place, utt in enumerate(utts) if utt in cards},
    }


def places(result: ScoredSet, by_utt: dict[str, dict], utts: list[str], kind: str) -> list[int]:
    """Places of the utterances whose estimate is of this ``kind``."""
    rows = [by_utt.get(utt) for utt in utts]
    return [place for place, row in enumerate(rows) if row is not None and what_came_out(result, row) == kind]


def utterance_columns(tables: GroupTables, rows: list[dict[str, dict]]) -> list[Column]:
    """Numeric fields: the results' columns in their order, what an utterance is, then what else there is."""
    present: dict[str, None] = {}
    for by_utt in rows:
        for row in by_utt.values():
            present.update((name, None) for name, value in row.items() if is_number(value))
    if "si_sdr" in present and "si_sdr_i" in present:
        present.setdefault(INPUT_SIR)
    known = [*tables.columns.values(), *PROPERTIES]
    known = [column for column in known if column.name in present]
    names = {column.name for column in known} | OTHER_FIELDS
    return known + [plain_column(name) for name in present if name not in names]


def plain_column(name: str) -> Column:
    """A field without a column of its own in the results tables."""
    card = METRICS.get(name)
    if card is None:
        return Column(name, "property", name, 2, higher_is_better=None, meaning=name)
    return Column(name, "property", name, 2, 1, card.higher_is_better, card.title, card.unit)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(row: dict | None, column: Column) -> float | None:
    """A field in the column's unit, rounded as it is shown; the input SIR also from what it improved by."""
    row = row or {}
    value = row.get(column.name)
    if column.name == INPUT_SIR and not is_number(value):
        before, gain = row.get("si_sdr"), row.get("si_sdr_i")
        value = before - gain if is_number(before) and is_number(gain) else None
    if not is_number(value):
        return None
    return round(value, 2) if column.source == "length" else round(value * column.scale, column.decimals)


def column_data(column: Column) -> dict[str, Any]:
    if column.source == "length":  # the table shows the share of odd lengths, an utterance has its ratio
        meaning = "duration of the estimate over the target's"
        column = Column("len ratio", "property", column.name, 2, higher_is_better=None, meaning=meaning)
    return {
        "name": column.name,
        "head": column.head,
        "title": column.explanation,
        "unit": column.unit,
        "decimals": column.decimals,
        "better": {True: 1, False: -1, None: 0}[column.higher_is_better],
    }


def flags_of(row: dict | None, system: str) -> str:
    """What is odd about an output; not that the mixtures' row holds the mixtures."""
    flags = [str(flag) for flag in (row or {}).get("flags") or []]
    return ", ".join(flag for flag in flags if not (flag == "equals_mixture" and is_mixture(system)))


def bucket_labels(facts: list[dict]) -> dict[str, list[str | None]]:
    """Bucket -> the label of each utterance."""
    names = dict.fromkeys(name for fact in facts for name in fact.get("buckets", {}))
    return {name: [fact.get("buckets", {}).get(name) for fact in facts] for name in names}


def bucket_names(group: ComparableGroup) -> Iterable[str]:
    return dict.fromkeys(name for result in group.results for name in result.buckets)


def bucket_data(name: str, group: ComparableGroup, columns: list[Column]) -> list[dict[str, Any]]:
    """The parts of a bucket: label, utterances, and by system the metrics' ``[mean, low, high]``."""
    parts: dict[str, dict[str, Any]] = {}
    for result in group.results:
        for part in result.buckets.get(name, []):
            entry = parts.setdefault(str(part["label"]), {"label": str(part["label"]), "n": 0, "systems": {}})
            entry["n"] = max(entry["n"], int(part.get("n") or 0))
            entry["systems"][result.system] = bucket_means(part, columns)
    return list(parts.values())


def bucket_means(part: dict[str, Any], columns: list[Column]) -> dict[str, list[float | None]]:
    means = {}
    for column in columns:
        entry = (part.get("metrics") or {}).get(column.name) or {}
        if is_number(entry.get("mean")):
            low, high = entry.get("ci95") or (None, None)
            means[column.name] = [
                round(value * column.scale, column.decimals + 1) if is_number(value) else None
                for value in (entry["mean"], low, high)
            ]
    return means


def card_data(card: Card, group: ComparableGroup) -> dict[str, Any]:
    """An utterance's signals: label, seconds, and which system each is of (the mixture is a row, too)."""
    return {
        "id": card.id,
        "utt": card.choice.utt,
        "signals": [
            {
                "label": clip.label,
                "seconds": round(clip.duration_s, 3),
                "audio": card.audio_id(index),
                "system": system_of(clip.label, group.results),
                # The enrollment is another recording: it keeps its own place.
                "ownTime": clip.label == "enrollment",
            }
            for index, clip in enumerate(card.clips)
        ],
    }


def system_of(label: str, results: list[ScoredSet]) -> int | None:
    names = [
        result.system.lower() if result.system.lower() in ("mixture", "target") else result.system
        for result in results
    ]
    return names.index(label) if label in names else None
