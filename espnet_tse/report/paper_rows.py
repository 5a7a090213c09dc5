"""Published figures to show beside ours: read from YAML, taken only where the protocol is the same.

The file lists tables; figures are in the metrics' own units (rates and word errors as shares, not per cent)::

    tables:
      - source: arXiv:2601.06006, Table VII
        protocol: {preset: laura, list: Libri2Mix test, mode: min, kind: clean, sample_rate: 16000}
        rows:
          - {system: LauraTSE, n: 3000, dnsmos_sig: 3.609, dnsmos_bak: 4.084}
"""

import logging
import math
import re
from dataclasses import dataclass
from itertools import zip_longest
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
# Options that a preset may set and that change figures of signals, or of texts. --align only adds columns.
OF_SIGNALS, OF_TEXTS = ("length", "level"), ("text_norm", "unit")
WORD_ERRORS = re.compile(r"d?[wc]er_[\w.-]+")  # a tag may have dots and hyphens


@dataclass(frozen=True)
class PaperTable:
    """Rows of one publication under one protocol."""

    source: str
    protocol: dict[str, Any]  # of PROTOCOL
    rows: list[ScoredSet]
    place: str  # file:line


def read_paper_rows(path: Path) -> list[PaperTable]:
    """Read a file of published rows.

    What does not fit, a row, a table or the file, is left out with a warning that names file and line: it must not
    cost the report of our own results.

    Raises:
        DataError: there is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; fix --paper_rows.")
    tables = []
    try:
        content = read_yaml(path)
        if not isinstance(content.get("tables"), list):
            raise DataError(
                f"{path}:1: needs a list 'tables' of source, protocol and rows; see doc/report.md."
            )
        lines = _lines_of_tables(path)
    except DataError as error:
        logging.warning("published rows left out: %s", error)
        return []
    for table, (line, lines_of_rows) in zip(content["tables"], lines, strict=True):
        try:
            tables.append(read_table(table, path, line, lines_of_rows))
        except DataError as error:
            logging.warning("published table left out: %s", error)
    return tables


def _lines_of_tables(path: Path) -> list[tuple[int, list[int]]]:
    """Lines, from 1, at which each table of a file and each of its rows start."""
    import yaml

    def line_of(node: yaml.Node) -> int:
        return node.start_mark.line + 1

    def value_of(node: yaml.Node, name: str) -> list[yaml.Node]:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next((value for key, value in pairs if key.value == name), None)
        return found.value if isinstance(found, yaml.SequenceNode) else []

    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return [
        (line_of(table), [line_of(row) for row in value_of(table, "rows")])
        for table in value_of(root, "tables")
    ]


def read_table(table: Any, path: Path, line: int, lines_of_rows: list[int]) -> PaperTable:
    """One table; rows that do not fit are left out with a warning.

    Raises:
        DataError: the table itself does not fit.
    """
    place = f"{path}:{line}"
    if not isinstance(table, dict):
        raise DataError(f"{place}: is no table; each has source, protocol and rows.")
    protocol = table.get("protocol")
    if not isinstance(protocol, dict) or set(protocol) != set(PROTOCOL):
        raise DataError(f"{place}: 'protocol' must give {', '.join(PROTOCOL)} and nothing else.")
    if not table.get("source") or not isinstance(table.get("rows"), list):
        raise DataError(f"{place}: needs 'source' (publication and table) and a list 'rows'.")
    source = str(table["source"])
    rows = []
    # Rows that come from another mapping ("<<") have no lines here.
    for row, row_line in zip_longest(table["rows"], lines_of_rows[: len(table["rows"])], fillvalue=line):
        try:
            rows.append(read_row(row, f"{path}:{row_line}", source, path))
        except DataError as error:
            logging.warning("published row left out: %s", error)
    return PaperTable(source, protocol, rows, place)


def read_row(row: Any, where: str, source: str, path: Path) -> ScoredSet:
    if not isinstance(row, dict) or not row.get("system"):
        raise DataError(f"{where}: needs 'system' and metrics as 'name: number'.")
    figures = {str(name): value for name, value in row.items() if name not in ("system", "n")}
    try:
        check_known((name for name in figures if not WORD_ERRORS.fullmatch(name)), METRICS, where)
    except ValueError as error:
        raise DataError(f"{error}, wer_<recogniser>, dwer_<recogniser>, cer_<recogniser>") from None
    for name, value in figures.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise DataError(f"{where}: '{name}' is '{value}', not a number.")
    count = row.get("n")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
        raise DataError(f"{where}: 'n' is '{count}', not a number of utterances; write it as 3000.")
    return ScoredSet(
        folder=path,
        system=str(row["system"]),
        test_set="",
        signature="",
        meta={"n": count},
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
        ] + against_preset(group, table)
        if differing:
            refused.append(f"{table.place}: {table.source}: {'; '.join(differing)}")
        else:
            rows += table.rows
    return rows, refused


def against_preset(group: ComparableGroup, table: PaperTable) -> list[str]:
    """Which options of our results change figures that the table has, and are not the preset's."""
    overrides = group.results[-1].meta.get("preset_overrides") or {}
    names = OF_SIGNALS + (OF_TEXTS if any(row.wer for row in table.rows) else ())
    return [f"--{name} {overrides[name]}, which is not the preset's" for name in names if name in overrides]


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
        "Which public list the utterances are is not recorded: if they are all of it, write the lines "
        f"{lines}, with the values that the published table has, into the file {places}, and run the same "
        "score command again."
    ]
