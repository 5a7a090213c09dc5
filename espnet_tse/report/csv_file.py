"""Every figure of the results as one line of a CSV file, for a spreadsheet or a data frame."""

import csv
from pathlib import Path
from typing import Iterator, Sequence

from espnet_tse.io.files import atomic_write
from espnet_tse.report.columns import ALIGNED, length_share
from espnet_tse.report.group_tables import GroupTables
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.scored_set import ScoredSet

HEADS = (
    "test_set",
    "preset",
    "signature",
    "system",
    "kind",
    "metric",
    "mean",
    "ci95_low",
    "ci95_high",
    "n",
    "n_penalized",
    "n_excluded",
    "unit",
    "source",
)


def write_csv(path: Path, groups: list[GroupTables]) -> None:
    """Means in the metrics' own units (rates and word errors as shares); an empty field is not measured."""
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, HEADS, lineterminator="\n")
        writer.writeheader()
        for tables in groups:
            writer.writerows(group_lines(tables))


def group_lines(tables: GroupTables) -> Iterator[dict]:
    """One dict per figure; published rows take test set, preset and signature of the table they stand in."""
    ours = tables.group.results[-1]
    for result in tables.results:
        for metric, entry, mean, (low, high) in figures(result):
            yield {
                "test_set": tables.group.test_set,
                "preset": (ours if result.source else result).meta.get("preset"),
                "signature": ours.signature if result.source else result.signature,
                "system": result.system,
                "kind": kind_of(result),
                "metric": metric,
                "mean": mean,
                "ci95_low": low,
                "ci95_high": high,
                "n": entry.get("n", result.meta.get("n")),
                "n_penalized": entry.get("n_penalized"),
                "n_excluded": entry.get("n_excluded"),
                "unit": card.unit if (card := METRICS.get(metric.removesuffix(ALIGNED))) else "",
                "source": result.source,
            }


def figures(result: ScoredSet) -> Iterator[tuple[str, dict, float | None, Sequence[float | None]]]:
    """(name, entry, value, interval) of all that the tables show; a share, ``<entry>.<share>``, has no interval."""
    unknown = (None, None)
    for metric, entry in {**result.metrics, **result.wer}.items():
        value = entry.get("corpus" if metric in result.wer else "mean")
        yield metric, entry, value, entry.get("ci95") or unknown
        if entry.get("hallucination_rate") is not None:
            yield f"{metric}.hallucination_rate", entry, entry["hallucination_rate"], unknown
    share = length_share(result)
    if share is not None:
        yield "len_ratio.share_outside", result.metrics.get("len_ratio") or {}, share.mean / 100, unknown


def kind_of(result: ScoredSet) -> str:
    return "paper" if result.source else "reference" if result.is_reference else "system"
