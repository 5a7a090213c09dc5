"""The results tables of a test set as values, from which RESULTS.md and the page are written."""

from dataclasses import dataclass
from typing import Any

from espnet_tse.report.columns import Column, Value
from espnet_tse.scoring.result.scored_set import ScoredSet

# More than this share of excluded or penalised utterances marks a row with a dagger.
DAGGER_SHARE = 0.01
TITLES = {
    "A": "generative-safe: meaningful whether or not the output is aligned with the target",
    "B": "sample-aligned: compares sample by sample; generative outputs score low here by nature",
    "C": "failures of extraction: how often and how far the output is not the target's voice, and when it speaks",
    "D": "further: parts of the scores above, and the cost of the extraction",
}


@dataclass(frozen=True)
class Row:
    """One system's line: a value, or None for "not measured", under each column."""

    result: ScoredSet
    values: list[Value | None]
    # "37/48, 10 target absent, 2 pen, 1 exc": scored of all utterances, by the column that has fewest; "" if unknown
    coverage: str
    dagger: bool  # coverage is bad enough to question the row

    @property
    def system(self) -> str:
        marks = (" (paper)", self.is_paper), (" †", self.dagger), (" ‡", bool(self.flags))
        return self.result.system + "".join(mark for mark, applies in marks if applies)

    @property
    def flags(self) -> list[str]:
        """Why this row is not a plain system: oracle inputs, the best of several candidates."""
        return [str(flag) for flag in self.result.meta.get("flags") or []]

    @property
    def is_paper(self) -> bool:
        return bool(self.result.source)

    @property
    def competes(self) -> bool:
        """Whether the row may be the best: a plain system scored here, without oracle inputs or a choice."""
        return not (self.result.is_reference or self.is_paper or self.flags)

    @property
    def count(self) -> int | None:
        return self.result.meta.get("n")


@dataclass(frozen=True)
class Table:
    """One of the tables A to D of a comparable group."""

    name: str
    columns: list[Column]
    rows: list[Row]

    @property
    def title(self) -> str:
        return f"{self.name}, {TITLES[self.name]}"

    @property
    def shows_coverage(self) -> bool:
        return any(row.coverage for row in self.rows)

    def competes(self, row: Row, index: int) -> bool:
        """Whether a row may be the best of a column.

        A penalty may be a better figure than the output that it stands for (an empty text has fewer word
        errors than a hallucination), so a penalised row never is; nor is one that excludes more than its
        rivals do. What is excluded for all alike is a fault of the data.
        """
        entries = [self.columns[index].entry(rival.result) for rival in self.rows if rival.competes]
        fewest = min((entry.get("n_excluded") or 0 for entry in entries if entry), default=0)
        entry = self.columns[index].entry(row.result)
        whole = not entry.get("n_penalized") and (entry.get("n_excluded") or 0) <= fewest
        return row.competes and whole and row.values[index] is not None

    def best(self, index: int) -> float | None:
        """The best rounded figure of the rows that compete in a column, None where none stands out."""
        column = self.columns[index]
        rivals = [row.values[index] for row in self.rows if self.competes(row, index)]
        figures = [round(value.mean, column.decimals) for value in rivals if value is not None]
        if column.higher_is_better is None or len(set(figures)) < 2:
            return None
        return max(figures) if column.higher_is_better else min(figures)

    def is_best(self, row: Row, index: int) -> bool:
        if not self.competes(row, index):
            return False
        return round(row.values[index].mean, self.columns[index].decimals) == self.best(index)


def build_row(result: ScoredSet, columns: list[Column]) -> Row:
    """A row with the coverage of these columns, not of what stands in other tables."""
    entries = [column.entry(result) for column in columns]
    penalized, excluded = worst_count(entries, "n_penalized"), worst_count(entries, "n_excluded")
    total, absent = result.meta.get("n") or 0, result.target_absent
    parts = [f"{total - absent - excluded}/{total}"] * (total > 0)
    for count, word in ((absent, "target absent"), (penalized, "pen"), (excluded, "exc")):
        parts += [f"{count} {word}"] if parts and count else []
    dagger = any(
        max(entry.get("n_penalized") or 0, entry.get("n_excluded") or 0)
        > DAGGER_SHARE * (entry.get("n_expected") or total)
        for entry in entries
    )
    return Row(result, [column.read(result) for column in columns], ", ".join(parts), dagger)


def worst_count(entries: list[dict[str, Any]], field_name: str) -> int:
    return max((int(entry.get(field_name) or 0) for entry in entries), default=0)
