"""Published figures to show beside ours: read from YAML, taken only where the protocol is the same.

The file lists tables; figures are in the metrics' own units (rates and word errors as shares, not per cent)::

    tables:
      - source: arXiv:2601.06006, Table VII
        protocol: {preset: laura, list: Libri2Mix test, mode: min, kind: clean, sample_rate: 16000}
        rows:
          - {system: LauraTSE, n: 3000, dnsmos_sig: 3.609, dnsmos_bak: 4.084}
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.report.collect import ComparableGroup
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.scored_set import ScoredSet

PROTOCOL = ("preset", "list", "mode", "kind", "sample_rate")
# Of the file ``protocol``, with what may stand there.
LIST_LINES = {"list": "<name>", "mode": "min or max", "kind": "clean or both"}
WORD_ERRORS = re.compile(r"d?[wc]er_\w+")


@dataclass(frozen=True)
class PaperTable:
    """Rows of one publication under one protocol."""

    source: str
    protocol: dict[str, Any]  # of PROTOCOL
    rows: list[ScoredSet]


def read_paper_rows(path: Path) -> list[PaperTable]:
    """Read a file of published rows.

    Raises:
        DataError: not YAML, a field is missing, or a metric is not known.
    """
    content = read_yaml(path)
    tables = content.get("tables")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise DataError(f"{path}: needs a list 'tables' of source, protocol and rows; see doc/report.md.")
    return [read_table(table, f"{path}: table {number}", path) for number, table in enumerate(tables, 1)]


def read_table(table: dict, where: str, path: Path) -> PaperTable:
    protocol = table.get("protocol")
    if not isinstance(protocol, dict) or set(protocol) != set(PROTOCOL):
        raise DataError(f"{where}: 'protocol' must give {', '.join(PROTOCOL)} and nothing else.")
    if not table.get("source") or not table.get("rows"):
        raise DataError(f"{where}: needs 'source' (publication and table) and 'rows'.")
    source = str(table["source"])
    rows = [
        read_row(row, f"{where}, row {number}", source, path) for number, row in enumerate(table["rows"], 1)
    ]
    return PaperTable(source, protocol, rows)


def read_row(row: Any, where: str, source: str, path: Path) -> ScoredSet:
    if not isinstance(row, dict) or not row.get("system"):
        raise DataError(f"{where}: needs 'system' and metrics as 'name: number'.")
    figures = {str(name): value for name, value in row.items() if name not in ("system", "n")}
    try:
        check_known((name for name in figures if not WORD_ERRORS.fullmatch(name)), METRICS, where)
    except ValueError as error:
        raise DataError(f"{error}, wer_<recogniser>, dwer_<recogniser>, cer_<recogniser>") from None
    for name, value in figures.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise DataError(f"{where}: '{name}' is '{value}', not a number.")
    return ScoredSet(
        folder=path,
        system=str(row["system"]),
        test_set="",
        signature="",
        meta={"n": row.get("n")},
        metrics={name: {"mean": value} for name, value in figures.items() if name in METRICS},
        wer={name: {"corpus": value} for name, value in figures.items() if name not in METRICS},
        source=source,
    )


def protocol_of(group: ComparableGroup) -> dict[str, Any]:
    """The protocol of our own results, as the scorer recorded it."""
    recorded = group.results[-1].meta.get("protocol") or {}
    rate = recorded.get("rate")
    if recorded.get("bandwidth") == "8k" and rate == 16000:  # scored when everything was resampled to 16 kHz
        rate = 8000
    return {name: recorded.get(name) for name in PROTOCOL} | {"sample_rate": rate}


def rows_beside(group: ComparableGroup, tables: Sequence[PaperTable]) -> tuple[list[ScoredSet], list[str]]:
    """The published rows of this group's protocol, and why the rows of other tables are refused."""
    ours = protocol_of(group)
    rows: list[ScoredSet] = []
    refused = []
    for table in tables:
        differing = [
            f"{name} {table.protocol[name]}, here {'not recorded' if ours[name] is None else ours[name]}"
            for name in PROTOCOL
            if table.protocol[name] != ours[name]
        ]
        if differing:
            refused.append(f"{table.source}: {'; '.join(differing)}")
        else:
            rows += table.rows
    return rows, refused


def how_to_name_lists(groups: Sequence[ComparableGroup]) -> list[str]:
    """One line on what to write where, if some results do not record which public list they are of."""
    systems: dict[str, list[str]] = {}  # file -> the results it concerns
    for group in groups:
        for result in group.results:
            recorded = result.meta.get("protocol") or {}
            if any(recorded.get(name) is None for name in LIST_LINES):
                targets = (result.meta.get("inputs") or {}).get("ref_scp")
                place = str(Path(targets).parent / "protocol") if targets else "'protocol' beside --ref_scp"
                systems.setdefault(place, []).append(f"'{result.system}'")
    if not systems:
        return []
    places = "; ".join(f"{place} (for {', '.join(dict.fromkeys(names))})" for place, names in systems.items())
    lines = ", ".join(f"'{name}: {value}'" for name, value in LIST_LINES.items())
    return [
        f"Which public list the utterances are is not recorded: if they are all of it, write the lines {lines}, with the "
        f"values that the published table has, into the file {places}, and run the same score command again."
    ]
