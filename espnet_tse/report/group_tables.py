"""The tables of every comparable group of results, with published rows and notes."""

import logging
from dataclasses import dataclass, field
from typing import Sequence

from espnet_tse.report.collect import ComparableGroup, group_comparable
from espnet_tse.report.columns import (
    Column,
    aligned_columns,
    failure_columns,
    further_columns,
    generative_columns,
)
from espnet_tse.report.paper_rows import PaperTable, how_to_name_lists, rows_beside
from espnet_tse.report.results_table import Table, build_row
from espnet_tse.report.table_notes import notes
from espnet_tse.scoring.result.scored_set import ScoredSet


@dataclass(frozen=True)
class GroupTables:
    """What is printed for one comparable group: its tables, and what to know when reading them."""

    group: ComparableGroup
    tables: list[Table]
    notes: list[str] = field(default_factory=list)
    published: list[ScoredSet] = field(default_factory=list)  # rows of papers, below our own

    @property
    def columns(self) -> dict[str, Column]:
        """Name in the result files -> its first column in the tables."""
        named: dict[str, Column] = {}
        for table in self.tables:
            for column in table.columns:
                named.setdefault(column.name, column)
        return named

    @property
    def results(self) -> list[ScoredSet]:
        """What the rows of the tables are, in their order."""
        return [*self.group.results, *self.published]


def build_groups(results: list[ScoredSet], papers: Sequence[PaperTable] = ()) -> list[GroupTables]:
    """The tables of all results; published rows stand in those of their protocol, others are warned of."""
    groups: list[GroupTables] = []
    refused_by: dict[str, list[str]] = {}  # reason -> where
    for group in group_comparable(results):
        rows, refused = rows_beside(group, papers)
        groups.append(build_tables(group, rows))
        concerned = f"{group.test_set}: {', '.join(result.system for result in group.results)}"
        for reason in refused:
            refused_by.setdefault(reason, []).append(concerned)
    refusals = [
        f"published rows left out: {reason} ({'; '.join(where)})" for reason, where in refused_by.items()
    ]
    if papers:
        refusals += how_to_name_lists([group.group for group in groups])
    for refusal in refusals:
        logging.warning(refusal)
    return groups


def all_results(groups: Sequence[GroupTables]) -> list[ScoredSet]:
    """What was scored here, without published rows."""
    return [result for tables in groups for result in tables.group.results]


def build_tables(group: ComparableGroup, published: Sequence[ScoredSet] = ()) -> GroupTables:
    """Lay out the tables of one group; columns that no row fills are left out."""
    results = [*group.results, *published]
    tables: list[Table] = []
    layout = {"A": generative_columns, "B": aligned_columns, "C": failure_columns, "D": further_columns}
    for name, columns_of in layout.items():
        columns = columns_of(results)
        kept = [column for column in columns if any(column.read(result) for result in results)]
        if kept:
            rows = [build_row(result, kept) for result in results]
            filled = [row for row in rows if not row.is_paper or any(row.values)]
            tables.append(Table(name, kept, filled))
    origin = [origin_note(source, published, group) for source in dict.fromkeys(r.source for r in published)]
    return GroupTables(group, tables, notes(group, tables) + origin, list(published))


def origin_note(source: str, published: Sequence[ScoredSet], group: ComparableGroup) -> str:
    """Where published rows come from; a warning where they are of more or fewer utterances than ours."""
    theirs = sorted({row.meta["n"] for row in published if row.source == source and row.meta.get("n")})
    ours = sorted({result.meta["n"] for result in group.results if result.meta.get("n")})
    line = f"(paper): figures published in {source}, not scored here"
    if not theirs:
        return f"{line}; of how many utterances is not recorded"
    if theirs == ours:
        return line
    counts = [" or ".join(map(str, numbers)) for numbers in (theirs, ours)]
    found = f"N is {counts[0]} there and {counts[1]} here"
    return f"WARNING: {line}: {found}; figures of other utterances do not compare"
