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


def paired_lines(
    first: ScoredSet, other: ScoredSet, name: str, metrics: tuple[str, ...], ci_unit: str
) -> list[Line]:
    shared = [column for column in [*first.metrics, *first.wer] if column in {**other.metrics, **other.wer}]
    unknown = [metric for metric in metrics if metric not in shared]
    if unknown:
        raise DataError(
            f"--metrics {','.join(unknown)}: not scored for both '{first.system}' and '{name}'; both have "
            f"{', '.join(shared)}."
        )
    rows, others = ({row["utt"]: row for row in result.utterances} for result in (first, other))
    keys = sorted(rows.keys() & others.keys())
    if not keys:
        raise DataError(f"{other.folder}: shares no utterance with {first.folder}.")
    if ci_unit == "spk" and any(rows[key].get("spk") is None for key in keys):
        raise DataError(f"{first.folder}: names no target speakers; score it again with --utt2spk.")
    lines = []
    for column in [c for c in shared if not metrics or c in metrics]:
        values = _word_counts if column in first.wer else _scores
        first_values, second_values, weights, used = values(first, other, column, rows, others, keys)
        if not used:
            continue
        clusters = [rows[key]["spk"] for key in used] if ci_unit == "spk" else None
        test = paired_difference(first_values, second_values, weights, clusters)
        entry = (first.wer if column in first.wer else first.metrics)[column]
        total = sum(weights) if weights else len(used)
        means = sum(first_values) / total, sum(second_values) / total
        failed = tuple(sum((key, column) in result.failed for key in used) for result in (first, other))
        higher = entry.get("higher_is_better")
        lines.append(Line(name, column, higher, *means, test, common=len(keys), failed=failed))
    return lines


def _scores(first, other, column, rows, others, keys):
    used = [key for key in keys if rows[key].get(column) is not None and others[key].get(column) is not None]
    return [rows[key][column] for key in used], [others[key][column] for key in used], None, used


def _word_counts(first, other, column, rows, others, keys):
    """Errors of both systems and reference words, from the files ``wer_<tag>``."""
    counts, second = read_counts(first.folder / column), read_counts(other.folder / column)
    used = [key for key in keys if counts.get(key) and second.get(key)]
    return (
        [counts[key][0] for key in used],
        # Rescaled where the references differ in length, which they may only by force.
        [second[key][0] * counts[key][1] / second[key][1] for key in used],
        [counts[key][1] for key in used],
        used,
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
