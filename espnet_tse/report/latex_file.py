"""The results tables in LaTeX (booktabs), to be read by ``\\input``."""

import re
from itertools import chain, count
from pathlib import Path

from espnet_tse.io.files import atomic_write
from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.results_file import group_titles, numbered
from espnet_tse.report.results_table import Row, Table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "†": r"$^\dagger$",
    "≠": r"$\neq$",
    "–": "--",
    "±": r"$\pm$",
}
ARROWS = {True: r" $\uparrow$", False: r" $\downarrow$", None: ""}


def write_latex(path: Path, groups: list[GroupTables]) -> None:
    """One ``table`` environment for each table; the document needs ``\\usepackage{booktabs}``."""
    parts = ["% Written by espnet-tse report; wants \\usepackage{booktabs}."]
    for tables, title, label in zip(groups, group_titles(groups), labels(groups)):
        parts += [table_latex(title, f"{label}-{table.name}", table) for table in tables.tables]
    with atomic_write(path) as file:
        file.write("\n\n".join(parts) + "\n")


def labels(groups: list[GroupTables]) -> list[str]:
    """What ``\\ref`` calls the tables of a group: ``tab:my-test-set``, with ``-p2`` of several protocols.

    Names of test sets that differ only in what a label cannot have are numbered.
    """
    found: list[str] = []
    for number, of_set, tables in numbered(groups):
        name = re.sub("[^a-z0-9]+", "-", tables.group.test_set.lower()).strip("-") or "set"
        label = f"tab:{name}" + (f"-p{number}" if len(of_set) > 1 else "")
        numbers = (f"{label}-{repeat}" for repeat in count(2))
        found.append(next(each for each in chain([label], numbers) if each not in found))
    return found


def table_latex(title: str, label: str, table: Table) -> str:
    heads = [escape("system"), "$N$", *(escape(c.head) + ARROWS[c.higher_is_better] for c in table.columns)]
    heads += ["scored"] * table.shows_coverage
    caption = f"{title}, {table.title}. Mean and half of the 95 % interval."
    if table.shows_coverage:
        caption += " †: penalised and excluded utterances."
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        row_latex(heads),
        r"\midrule",
    ]
    previous = None
    for row in table.rows:
        if previous is not None and previous.competes != row.competes:
            lines.append(r"\midrule")
        coverage = [row.coverage or "--"] * table.shows_coverage
        lines.append(row_latex([escape(row.system), count_of(row), *cells(table, row), *coverage]))
        previous = row
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def row_latex(texts: list[str]) -> str:
    return " & ".join(texts) + r" \\"


def count_of(row: Row) -> str:
    return "--" if row.count is None else str(row.count)


def cells(table: Table, row: Row) -> list[str]:
    texts = []
    for index, (column, value) in enumerate(zip(table.columns, row.values)):
        if value is None:
            texts.append("--")
            continue
        # In mathematics, so that a minus is one.
        text = column.format(value.mean)
        text = rf"\mathbf{{{text}}}" if table.is_best(row, index) else text
        interval = "" if value.half_ci is None else rf" {{\scriptstyle\pm {column.format(value.half_ci)}}}"
        texts.append(f"${text}{interval}$")
    return texts


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands, on one line."""
    return re.sub(r".", lambda match: SPECIAL.get(match[0], match[0]), " ".join(text.split()))
