"""Where the page's scripts put the charts and the per-utterance tables of each group."""

from espnet_tse.report.html_tree import Html, element
from espnet_tse.report.results_file import group_titles
from espnet_tse.report.results_table import GroupTables


def scores_section(groups: list[GroupTables]) -> Html:
    """Scatter, distributions and buckets; filled by charts.js from the page's data."""
    lead = (
        "Each point is one utterance. Click a point to hear it or to find its row; "
        "click a system's name to hide it everywhere in this part."
    )
    parts: list[Html] = [element("h2", "Scores"), element("p", lead, class_="muted")]
    return element("section", parts, mounts(groups, "charts"), id="scores")


def utterances_section(groups: list[GroupTables]) -> Html:
    """One row for each utterance and system; filled by table.js from the page's data."""
    lead = (
        "Click a column's head to sort. Words in the filter are looked for in key, system, speaker and flags."
    )
    parts: list[Html] = [element("h2", "Utterances"), element("p", lead, class_="muted")]
    return element("section", parts, mounts(groups, "table"), id="utterances")


def mounts(groups: list[GroupTables], kind: str) -> list[Html]:
    """A heading and an empty place for each group; without per-utterance scores a sentence instead."""
    parts = []
    for number, (tables, title) in enumerate(zip(groups, group_titles(groups))):
        parts.append(element("h3", title))
        if any(result.utterances for result in tables.group.results):
            parts.append(element("div", id=f"{kind}{number}"))
        else:
            parts.append(element("p", "No scores.jsonl beside the result files.", class_="muted"))
    return parts
