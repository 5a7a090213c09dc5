"""The two results tables of a test set as values, from which RESULTS.md and the page are written."""

import logging
from dataclasses import dataclass, field
from typing import Any, Sequence

from espnet_tse.io.scp import DataError
from espnet_tse.report.collect import ComparableGroup, group_comparable
from espnet_tse.report.columns import (
    LEAK,
    Column,
    Value,
    aligned_columns,
    failure_columns,
    first_holders,
    generative_columns,
    is_smoke_test,
)
from espnet_tse.report.paper_rows import PaperTable, how_to_name_lists, rows_beside
from espnet_tse.report.row_notes import grouped, other_versions, package_versions
from espnet_tse.report.score_command import score_command
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.scored_set import ScoredSet
from espnet_tse.scoring.run.presets import PRESETS

# More than this share of excluded or penalised utterances marks a row with a dagger.
DAGGER_SHARE = 0.01

# Cosine between different clean speakers (scoring.md, section 5.5): "no similarity" is not 0.
CHANCE_LEVEL = {"resemblyzer": 0.55}

TITLES = {
    "A": "generative-safe: meaningful whether or not the output is aligned with the target",
    "B": "sample-aligned: compares sample by sample; generative outputs score low here by nature",
    "C": "failures of extraction: how often and how far the output is not the target's voice",
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
        """Why this row is no plain system: oracle inputs, the best of several candidates."""
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
    """One of the tables A, B and C of a comparable group."""

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
    """The tables of all results; published rows stand in those of their protocol.

    Raises:
        DataError: published rows were given and fit none of the tables.
    """
    groups: list[GroupTables] = []
    refused_by: dict[str, list[str]] = {}  # reason -> where
    for group in group_comparable(results):
        rows, refused = rows_beside(group, papers)
        groups.append(build_tables(group, rows))
        concerned = f"{group.test_set}: {', '.join(result.system for result in group.results)}"
        for reason in refused:
            refused_by.setdefault(reason, []).append(concerned)
    refusals = [
        f"published rows refused: {reason} ({'; '.join(where)})" for reason, where in refused_by.items()
    ]
    if papers:
        refusals += how_to_name_lists([group.group for group in groups])
    if papers and not any(group.published for group in groups):
        raise DataError("\n".join(["--paper_rows: no row is of the protocol of any table here.", *refusals]))
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
    layout = {"A": generative_columns, "B": aligned_columns, "C": failure_columns}
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


def notes(group: ComparableGroup, tables: list[Table]) -> list[str]:
    """Footer lines: how the figures came about and how far they may be trusted."""
    # A system's row, where there is one, is the typical one; references may lack inputs.
    meta = group.results[-1].meta
    settings = meta.get("settings") or {}
    unit = "target speakers" if settings.get("ci_unit") == "spk" else "utterances"
    lines = [f"Cells are mean ±half of the 95 % bootstrap interval over {unit}; – is not measured."]
    lines += presets(group.results, policies(settings))
    if settings.get("bandwidth") == "8k":
        lines.append("bw=8k: the data are below 16 kHz; not comparable with 16 kHz results.")
    lines += recognisers(group.results)
    lines += speaker_models(tables)
    lines += marks(group, tables)
    columns = [column for table in tables for column in table.columns]
    remarks: list[tuple[str, str]] = []
    for result in group.results:
        row = build_row(result, columns)
        details = [detail] if (detail := coverage_detail(result)) else []
        remarks += [(row.system, remark) for remark in (*details, *row.flags, *result.warnings)]
    lines += grouped(remarks)
    lines += unequal_sets(group.results)
    lines += [f"n/a: {line}" for line in grouped((meta.get("not_available") or {}).items())]
    lines += other_versions(group.results)
    versions = package_versions(meta)
    if versions:
        lines.append("Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    shown = group.results[-1]
    command = meta.get("command") or score_command(meta, shown.folder)
    if command:
        lines.append(f"Command of {shown.system}: {command}")
    return lines


def marks(group: ComparableGroup, tables: list[Table]) -> list[str]:
    """What bold and the marks of rows mean, where there is any; and whom a failure may flatter."""
    rows = [row for table in tables for row in table.rows if not row.is_paper]
    entries = [entry for result in group.results for entry in {**result.metrics, **result.wer}.values()]
    failures = any(entry.get("n_penalized") or entry.get("n_excluded") for entry in entries)
    lines = []
    if failures or any(row.flags for row in rows):
        line = "Bold: best of the systems that are not flagged and have no penalised and no further excluded "
        line += "utterance in that column"
        line += "; †: more than 1 % penalised or excluded" if any(row.dagger for row in rows) else ""
        lines.append(line + ("; ‡: flagged, see below" if any(row.flags for row in rows) else ""))
    # Leakage charges a failure with all words, the worst there is; a word error rate has no worst.
    words = [item for result in group.results for item in result.wer.items()]
    if any(entry.get("n_penalized") for name, entry in words if not name.startswith(LEAK)):
        lines.append(
            "Word errors: a missing or failed output counts as an empty text, all words deleted (100 %); a "
            "hallucination may have more errors than that, so a missing output may lower the rate"
        )
    return lines


def presets(results: list[ScoredSet], policies: str) -> list[str]:
    """Which preset the rows are of, and which of them were scored without some of its metrics."""
    systems: dict[str, list[str]] = {}
    lacking = []
    for result in results:
        name = str(result.meta.get("preset", "not recorded"))
        systems.setdefault(name, []).append(result.system)
        if text := lacking_of_preset(result, name):
            lacking.append((result.system, text))
    named = [name if len(systems) == 1 else f"{name} ({', '.join(who)})" for name, who in systems.items()]
    return [f"Preset: {', '.join(named)}{policies}", *grouped(lacking)]


def lacking_of_preset(result: ScoredSet, preset: str) -> str:
    """What a preset asks for and a result has not, "" if nothing; the shorter list, of what is there or not.

    What is about absent targets is asked for only where there are some.
    """
    if preset not in PRESETS:
        return ""
    wanted = [name for name in PRESETS[preset].metrics if METRICS[name].when != "absent"]
    if "pesq_nb" in result.metrics:  # what data below 16 kHz have in its place
        wanted = [name for name in wanted if name != "pesq"]
    there = [name for name in wanted if name in result.metrics]
    lacks = [name for name in wanted if name not in there]
    if PRESETS[preset].asr:
        (there if result.wer else lacks).append("word errors")
    if not lacks:
        return ""
    if len(there) < len(lacks):
        return f"only {', '.join(there) or 'none'} of preset {preset}"
    return f"without {', '.join(lacks)} of preset {preset}"


def policies(settings: dict[str, Any]) -> str:
    """Length, level and alignment policy of a run, as far as it was recorded."""
    found = [f"{name} {settings[name]}" for name in ("length", "level", "align") if settings.get(name)]
    return f"; {', '.join(found)}" if found else ""


def recognisers(results: list[ScoredSet]) -> list[str]:
    notes = []
    for tag, result in first_holders(results, "wer").items():
        entry = result.wer[tag]
        note = f"recogniser {entry.get('asr', tag)}, text normaliser {entry.get('norm', 'not recorded')}"
        if is_smoke_test(tag, result):
            note += " (* smoke test: this recogniser is too weak for results, it misreads even clean speech)"
        notes.append((tag, note))
    return grouped(notes)


def unequal_sets(results: list[ScoredSet]) -> list[str]:
    """A warning where rows of one table were not scored on the same utterances."""
    keys = {result.system: frozenset(str(row["utt"]) for row in result.utterances) for result in results}
    known = {system: found for system, found in keys.items() if found}
    everywhere = frozenset.intersection(*known.values()) if known else frozenset()
    differing = [f"{system} {len(found)}" for system, found in known.items() if found != everywhere]
    if not differing:
        return []
    return [
        f"WARNING: not all rows cover the same utterances ({len(everywhere)} in common; "
        f"{', '.join(differing)}): they must not be compared."
    ]


def speaker_models(tables: list[Table]) -> list[str]:
    names = {column.name for table in tables for column in table.columns if column.name.startswith("spk_")}
    models = sorted({name.removeprefix("spk_").removesuffix("_enroll") for name in names})
    lines = []
    for model in models:
        line = f"Speaker model {model}: cosine, est. vs target (spk) and vs enrollment (spk_enroll)"
        if model.endswith("01"):
            line = line.replace("cosine", "(cosine + 1) / 2")
        if model in CHANCE_LEVEL:
            line += f"; two different speakers reach about {CHANCE_LEVEL[model]:.2f}, not 0"
        lines.append(line)
    return lines


def coverage_detail(result: ScoredSet) -> str:
    """For example ``2 of 60 penalised (pesq, stoi), 1 excluded (estoi)``."""
    parts = []
    entries = {**result.metrics, **result.wer}
    for field_name, word in (("n_penalized", "penalised"), ("n_excluded", "excluded")):
        counts: dict[int, list[str]] = {}
        for name, entry in entries.items():
            if entry.get(field_name):
                counts.setdefault(int(entry[field_name]), []).append(name)
        for count, names in sorted(counts.items(), reverse=True):
            shown = "all metrics" if len(names) == len(entries) else ", ".join(sorted(names))
            parts.append(f"{count} of {result.meta.get('n', '?')} {word} ({shown})")
    return ", ".join(parts)
