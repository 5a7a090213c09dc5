"""The page's summary: the results tables of every test set."""

from dataclasses import dataclass

from markupsafe import Markup

from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.page_templates import render
from espnet_tse.report.results_file import numbered, protocol_name, split_notice
from espnet_tse.report.results_table import Table


@dataclass(frozen=True)
class SummaryPart:
    """What the template shows of one comparable group."""

    headings: list[str]  # the test set, where the group is its first; the protocol, where there are several
    notice: str  # below the first heading: why the test set has several tables
    tables: list[Table]
    notes: list[str]


def summary_section(groups: list[GroupTables]) -> Markup:
    """The tables of each comparable group, one heading a test set."""
    return render("results.html", parts=[_part(*place) for place in numbered(groups)])


def _part(number: int, of_set: list[GroupTables], tables: GroupTables) -> SummaryPart:
    is_split = len(of_set) > 1
    headings = [tables.group.test_set] if number == 1 else []
    headings += [protocol_name(tables, number, len(of_set))] if is_split else []
    notice = split_notice(of_set) if is_split and number == 1 else ""
    return SummaryPart(headings, notice, tables.tables, tables.notes)
