"""Word error rates of recognisers with and without a front end: rows, and their table."""

from dataclasses import dataclass
from typing import Mapping, Sequence

ALONE = "none"  # the system of a recogniser without a front end


@dataclass(frozen=True)
class FrontEndRow:
    """One recogniser behind one front end, in one condition."""

    condition: str
    system: str  # the front end, or ``ALONE``
    recogniser: str
    smoke_test: bool  # whether the recogniser is too weak to judge systems by
    wer: float | None  # errors / words of the set; None without words
    ci95: tuple[float, float] | None
    substitutions: int
    deletions: int
    insertions: int
    num_words: int  # of the transcripts
    num_utterances: int
    num_penalised: int  # outputs that failed: all of their words count as deleted
    front_end_parameters: int
    recogniser_parameters: int | None  # None where nothing is published

    @property
    def marked_recogniser(self) -> str:
        return f"{self.recogniser}{'*' if self.smoke_test else ''}"


def counts_both(rows: Sequence[FrontEndRow]) -> bool:
    """Whether parameters are those of front end and recogniser: known of every recogniser, or of none in a figure."""
    return all(row.recogniser_parameters is not None for row in rows)


def size_in_words(parameters: int) -> str:
    """12660328 -> "12.7 M"."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g}{name}"
    return str(parameters)


def rate_in_words(row: FrontEndRow) -> str:
    """Percent with the interval, as "23.1 (20.4 to 25.9)"."""
    if row.wer is None:
        return "–"
    interval = "" if row.ci95 is None else " ({:.1f} to {:.1f})".format(*(100 * bound for bound in row.ci95))
    return f"{100 * row.wer:.1f}{interval}"


def front_end_markdown(rows: Sequence[FrontEndRow], remarks: Mapping[str, str]) -> str:
    """A table with a line for each condition and front end and a column for each recogniser, and what it means.

    Args:
        remarks: condition -> what it is.
    """
    recognisers = list(dict.fromkeys(row.marked_recogniser for row in rows))
    table: dict[tuple[str, str], dict[str, FrontEndRow]] = {}
    for row in rows:
        table.setdefault((row.condition, row.system), {})[row.marked_recogniser] = row
    heads = ["condition", "front end", "its parameters", *(f"WER% ({name})" for name in recognisers)]
    lines = [heads, ["---", "---", "---:", *("---:" for _ in recognisers)]]
    for (condition, system), found in table.items():
        size = size_in_words(next(iter(found.values())).front_end_parameters)
        lines.append([condition, system, size, *(rate_in_words(found[name]) for name in recognisers)])
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"# Recognisers behind front ends\n\n{text}\n" + "".join(
        f"- {note}\n" for note in notes(rows, remarks)
    )


def notes(rows: Sequence[FrontEndRow], remarks: Mapping[str, str]) -> list[str]:
    """What a reader of the table has to know."""
    first = rows[0]
    found = [
        f"Corpus word error rates of {first.num_utterances} utterances, {first.num_words} words, with 95 % intervals.",
        *(f"{condition}: {meaning}." for condition, meaning in remarks.items()),
    ]
    sizes = {row.marked_recogniser: row.recogniser_parameters for row in rows}
    known = [f"{name} {size_in_words(size)}" for name, size in sizes.items() if size is not None]
    unknown = [name for name, size in sizes.items() if size is None]
    if known:
        found.append(f"Parameters of the recognisers, as published: {', '.join(known)}.")
    if unknown:
        found.append(
            f"No number of parameters is published of {', '.join(unknown)}: the figure counts the front ends alone."
        )
    if any(row.smoke_test for row in rows):
        found.append(
            "\\* smoke test: this recogniser is too weak for results, it misreads even clean speech."
        )
    for row in rows:
        if row.num_penalised:
            found.append(
                f"{row.condition}, {row.system}, {row.marked_recogniser}: {row.num_penalised} outputs failed and count as all "
                "words deleted."
            )
    return found
