"""``utt2activity``: when the target of a recording speaks."""

import math
from pathlib import Path
from typing import Sequence

from espnet_tse.io.scp import DataError, read_scp

NONE, UNKNOWN = "none", "unknown"

Times = tuple[tuple[float, float], ...]  # start and end of each span, s


def read_activity(path: Path | str) -> dict[str, Times | None]:
    """Lines ``key START-END START-END ...`` in seconds, ``key none`` (never), or ``key unknown``.

    Returns:
        key -> spans in their order in time, joined where they meet; () where the target says nothing, None where it
        is unknown.
    Raises:
        DataError: a line of another form, or a span that ends before it begins; names file and key.
    """
    return {key: _times(value, key, path) for key, value in read_scp(path).items()}


def _times(value: str, key: str, path: Path | str) -> Times | None:
    if value in (NONE, UNKNOWN):
        return () if value == NONE else None
    spans = []
    for word in value.split():
        start, _, end = word.partition("-")
        try:
            span = float(start), float(end)
        except ValueError:
            span = math.nan, math.nan
        if not 0 <= span[0] < span[1] < math.inf:
            raise DataError(
                f"{path}: key '{key}': '{word}' is no span of time; write START-END in seconds, as 0.35-2.1, "
                f"or one word for the whole line: {NONE} or {UNKNOWN}."
            )
        spans.append(span)
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def activity_line(times: Sequence[tuple[float, float]] | None) -> str:
    """The value of a line that ``read_activity`` reads."""
    if times is None:
        return UNKNOWN
    return " ".join(f"{_seconds(start)}-{_seconds(end)}" for start, end in times) or NONE


def _seconds(time: float) -> str:
    """To a tenth of a millisecond."""
    return f"{time:.4f}".rstrip("0").rstrip(".")
