"""The means of a scored set as a table for the terminal."""

from espnet_tse.scoring.result.aggregate import Summary

HEADS = ("metric", "mean", "95 % interval", "n", "penalised", "excluded")


def summary_text(system: str, test_set: str, summary: Summary) -> str:
    """One line a metric, in its own unit (rates and word errors as shares)."""
    rows = [HEADS]
    for name, entry in {**summary.metrics, **summary.wer}.items():
        mean = entry["corpus" if name in summary.wer else "mean"]
        low, high = entry.get("ci95") or (None, None)
        arrow = {True: " ↑", False: " ↓", None: ""}[entry["higher_is_better"]]
        shown = "–" if mean is None else f"{mean:.4f}"
        interval = "–" if low is None or high is None else f"{low:.4f} to {high:.4f}"
        counts = (str(entry[field]) for field in ("n", "n_penalized", "n_excluded"))
        rows.append((name + arrow, shown, interval, *counts))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in rows
    ]
    return "\n".join([f"{system} on {test_set}, {summary.coverage['expected']} utterances", *lines])
