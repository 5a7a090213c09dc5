"""The page's per-utterance tables, sortable and filterable."""

import logging

from espnet_tse.scoring.report.collect import natural_key
from espnet_tse.scoring.report.columns import Column
from espnet_tse.scoring.report.html_listening import Card
from espnet_tse.scoring.report.html_tree import Html, element, two_lines
from espnet_tse.scoring.report.listening import ranking_metric
from espnet_tse.scoring.report.results_table import GroupTables

# Fields of scores.jsonl that are no scores: shown as text, or not at all.
TEXT_FIELDS = {"utt", "spk", "flags"}
LEADING_FIELDS = ("dur_ref", "dur_est")
HEADS = {"dur_ref": "target s", "dur_est": "est. s", "len_ratio": "len ratio"}


def utterances_section(groups: list[GroupTables], cards: list[dict[str, Card]], max_rows: int) -> Html:
    """One table a group: a row for each utterance and system, linked to its audio where it is on the page."""
    parts: list[Html] = [element("h2", "Utterances")]
    parts.append(
        element(
            "p",
            "Click a column's head to sort; type words to filter (key, system, speaker, flag).",
            class_="muted",
        )
    )
    for number, (tables, group_cards) in enumerate(zip(groups, cards)):
        parts.append(element("h3", tables.group.test_set))
        parts.append(utterance_table(number, tables, group_cards, max_rows))
    return element("section", parts, id="utterances")


def utterance_table(number: int, tables: GroupTables, cards: dict[str, Card], max_rows: int) -> Html:
    rows = [(result.system, row) for result in tables.group.results for row in result.utterances]
    # The systems of one utterance stand together: that is what one compares.
    rows.sort(key=lambda item: natural_key(str(item[1]["utt"])))
    if not rows:
        return element("p", "No scores.jsonl beside the result files.", class_="muted")
    total = len(rows)
    rows = keep_worst(rows, ranking_metric(tables.group), max_rows)
    columns = {column.name: column for table in tables.tables for column in table.columns}
    fields = score_fields([row for _, row in rows], columns)
    has_speaker = any(row.get("spk") for _, row in rows)
    has_flags = any(row.get("flags") for _, row in rows)
    heads = [head("utterance", True), head("system", True)] + [head("speaker", True)] * has_speaker
    heads += [head(field_head(field, columns), False) for field in fields] + [head("flags", True)] * has_flags
    body = []
    for system, row in rows:
        cells = [utterance_cell(str(row["utt"]), system, cards), element("td", system, class_="name")]
        cells += [element("td", row.get("spk"), class_="name")] * has_speaker
        cells += [score_cell(field, row, columns) for field in fields]
        cells += [element("td", flag_text(row.get("flags")), class_="name")] * has_flags
        body.append(element("tr", cells))
    table_id, count_id = f"scores{number}", f"count{number}"
    table = element(
        "table",
        element("thead", element("tr", heads)),
        element("tbody", body),
        class_="sortable",
        id=table_id,
    )
    label = f"filter the utterances of {tables.group.test_set}"
    tools = element(
        "div",
        element(
            "input",
            type="search",
            placeholder="filter",
            aria_label=label,
            data_filter=table_id,
            data_count=count_id,
        ),
        element("span", f"{len(rows)} of {len(rows)} rows", id=count_id, class_="muted", aria_live="polite"),
        class_="tools",
    )
    cut = None
    if len(rows) < total:
        logging.info("%s: %d of %d rows on the page", tables.group.test_set, len(rows), total)
        cut = element(
            "p", f"The worst {len(rows)} of {total} rows are shown; scores.jsonl holds all.", class_="notice"
        )
    return element(
        "div",
        cut,
        element("div", tools, element("div", table, class_="scroll tall", tabindex=0), class_="card"),
    )


def keep_worst(rows: list[tuple[str, dict]], metric: str | None, max_rows: int) -> list[tuple[str, dict]]:
    """At most ``max_rows`` rows, those with the lowest score; rows without a score are kept first."""
    if len(rows) <= max_rows:
        return rows

    def badness(place: int) -> tuple:
        value = rows[place][1].get(metric) if metric else None
        return (isinstance(value, (int, float)), value if isinstance(value, (int, float)) else 0, place)

    kept = set(sorted(range(len(rows)), key=badness)[:max_rows])
    return [row for place, row in enumerate(rows) if place in kept]


def score_fields(rows: list[dict], columns: dict[str, Column]) -> list[str]:
    """The numeric fields: durations, then those of the results tables in their order, then the rest."""
    present: dict[str, None] = {}
    for row in rows:
        for field, value in row.items():
            if field not in TEXT_FIELDS and isinstance(value, (int, float)) and not isinstance(value, bool):
                present.setdefault(field)
    order = [*LEADING_FIELDS, *columns]
    return [field for field in order if field in present] + [field for field in present if field not in order]


def field_head(field: str, columns: dict[str, Column]) -> str:
    return HEADS.get(field) or (columns[field].head if field in columns else field)


def head(text: str, is_text: bool) -> Html:
    return element(
        "th",
        element("button", two_lines(text), type="button"),
        class_="name" if is_text else None,
        scope="col",
    )


def utterance_cell(utt: str, system: str, cards: dict[str, Card]) -> Html:
    card = cards.get(utt)
    if card is None:
        return element("th", utt, class_="name", scope="row")
    audio_id = card.audio_id(system.lower() if system.lower() in ("mixture", "target") else system)
    play = None
    if audio_id:
        label = f"play {system} of {utt}"
        play = element(
            "button", "▶", class_="play small", type="button", data_audio=audio_id, aria_label=label
        )
    return element("th", play, element("a", utt, href=f"#{card.id}"), class_="name", scope="row")


def score_cell(field: str, row: dict, columns: dict[str, Column]) -> Html:
    value = row.get(field)
    if not isinstance(value, (int, float)):
        return element("td", "–", data_value="")
    column = columns.get(field)
    text = column.format_utterance(value) if column else f"{value:.2f}" if isinstance(value, float) else value
    return element("td", text, data_value=f"{value:.6g}")


def flag_text(flags: list[str] | None) -> str:
    return ", ".join(str(flag) for flag in flags or [])
