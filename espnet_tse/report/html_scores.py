"""Where the page's scripts put the charts and the per-utterance tables of each group."""

from markupsafe import Markup

from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.page_templates import render
from espnet_tse.report.results_file import group_titles


def scores_section(groups: list[GroupTables]) -> Markup:
    """Scatter, distributions and buckets; filled by charts.js from the page's data."""
    lead = (
        "Each point is one utterance. Click a point to hear it or to find its row; "
        "click a system's name to hide it everywhere in this part."
    )
    return _places(groups, id="scores", heading="Scores", lead=lead, kind="charts")


def utterances_section(groups: list[GroupTables]) -> Markup:
    """One row for each utterance and system; filled by table.js from the page's data."""
    lead = (
        "Click a column's head to sort. Words in the filter are looked for in key, system, speaker and flags."
    )
    return _places(groups, id="utterances", heading="Utterances", lead=lead, kind="table")


def _places(groups: list[GroupTables], **texts: str) -> Markup:
    has_scores = [any(result.utterances for result in tables.group.results) for tables in groups]
    return render("places.html", groups=list(zip(group_titles(groups), has_scores)), **texts)
