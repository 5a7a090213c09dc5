"""What two systems scored on the same utterances, column by column, and the test of each."""

from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.paired_test import PairedDifference, paired_difference
from espnet_tse.scoring.result.scored_set import ScoredSet

LEVEL = 0.05


@dataclass(frozen=True)
class Line:
    """One metric of one system against the first system."""

    system: str
    metric: str
    higher_is_better: bool | None
    first: float  # mean (corpus rate) of the first system on the common utterances
    second: float
    test: PairedDifference
    p_holm: float | None = None
    common: int = 0  # utterances of both systems; ``test.pairs`` of them have both values
    failed: tuple[int, int] = (0, 0)  # penalties among the pairs, of the first and of this system

    @property
    def verdict(self) -> str:
        """ "better", "worse" or "" (not decided, or a diagnostic)."""
        if self.p_holm is None or self.p_holm > LEVEL or self.higher_is_better is None:
            return ""
        return "better" if (self.test.difference > 0) == self.higher_is_better else "worse"

    @property
    def firm(self) -> bool:
        """Whether the better system has no penalty, which may be better than the output it stands for."""
        return bool(self.verdict) and not self.failed[self.verdict == "better"]

    @property
    def coverage(self) -> str:
        """For example ``59/60, 0 and 2 pen``: pairs of common utterances, penalties of both systems."""
        penalties = f", {self.failed[0]} and {self.failed[1]} pen" if any(self.failed) else ""
        return f"{self.test.pairs}/{self.common}{penalties}"


@dataclass(frozen=True)
class Pairs:
    """The values of a column on the utterances that have it in both systems."""

    keys: list[str]
    first: list[float]
    second: list[float]
    weights: list[float] | None  # reference words of each utterance; None: 1 each


def paired_lines(
    first: ScoredSet, other: ScoredSet, name: str, metrics: tuple[str, ...], ci_unit: str
) -> list[Line]:
    """A line for each column that both systems have values of.

    Args:
        name: what the other system is called in the comparison.
        metrics: columns to take; none: all that the systems share.
        ci_unit: "utt", or "spk" for target speakers as units.
    Raises:
        DataError: no common utterance, a column that they do not share, or no speakers for "spk".
    """
    columns = _columns(first, other, name, metrics)
    rows = {row["utt"]: row for row in first.utterances}
    keys = sorted(rows.keys() & {row["utt"] for row in other.utterances})
    if not keys:
        raise DataError(f"{other.folder}: shares no utterance with {first.folder}.")
    if ci_unit == "spk" and any(rows[key].get("spk") is None for key in keys):
        raise DataError(f"{first.folder}: names no target speakers; score it again with --utt2spk.")
    lines = []
    for column in columns:
        pairs = (_word_counts if column in first.wer else _scores)(first, other, column, keys)
        if pairs.keys:
            speakers = [rows[key]["spk"] for key in pairs.keys] if ci_unit == "spk" else None
            lines.append(_line(first, other, name, column, pairs, len(keys), speakers))
    return lines


def _columns(first: ScoredSet, other: ScoredSet, name: str, metrics: tuple[str, ...]) -> list[str]:
    shared = [column for column in [*first.metrics, *first.wer] if column in {**other.metrics, **other.wer}]
    unknown = [metric for metric in metrics if metric not in shared]
    if unknown:
        raise DataError(
            f"--metrics {','.join(unknown)}: not scored for both '{first.system}' and '{name}'; both have "
            f"{', '.join(shared)}."
        )
    return [column for column in shared if not metrics or column in metrics]


def _line(
    first: ScoredSet,
    other: ScoredSet,
    name: str,
    column: str,
    pairs: Pairs,
    common: int,
    speakers: list[str] | None,
) -> Line:
    entry = (first.wer if column in first.wer else first.metrics)[column]
    total = sum(pairs.weights) if pairs.weights else len(pairs.keys)
    failed = tuple(sum((key, column) in result.failed for key in pairs.keys) for result in (first, other))
    return Line(
        name,
        column,
        entry.get("higher_is_better"),
        sum(pairs.first) / total,
        sum(pairs.second) / total,
        paired_difference(pairs.first, pairs.second, pairs.weights, speakers),
        common=common,
        failed=failed,
    )


def _scores(first: ScoredSet, other: ScoredSet, column: str, keys: list[str]) -> Pairs:
    """Values of scores.jsonl."""
    one, two = ({row["utt"]: row.get(column) for row in result.utterances} for result in (first, other))
    used = [key for key in keys if one[key] is not None and two[key] is not None]
    return Pairs(used, [one[key] for key in used], [two[key] for key in used], None)


def _word_counts(first: ScoredSet, other: ScoredSet, column: str, keys: list[str]) -> Pairs:
    """Errors of both systems and reference words, from the files ``wer_<tag>``."""
    one, two = read_counts(first.folder / column), read_counts(other.folder / column)
    used = [key for key in keys if one.get(key) and two.get(key)]
    return Pairs(
        used,
        [one[key][0] for key in used],
        # Rescaled where the references differ in length: of results that are forced, or do not record their texts.
        [two[key][0] * one[key][1] / two[key][1] for key in used],
        [one[key][1] for key in used],
    )


def read_counts(path: Path) -> dict[str, tuple[float, float] | None]:
    """Key -> (errors, words) of a ``wer_<tag>`` file; None where the utterance is excluded.

    Raises:
        DataError: the file is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; score this system again.")
    counts: dict[str, tuple[float, float] | None] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, errors, words = line.split()
        counts[key] = None if errors == "nan" or float(words) == 0 else (float(errors), float(words))
    return counts
