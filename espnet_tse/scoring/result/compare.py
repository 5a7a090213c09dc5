"""Comparison of scored systems on the utterances they share: ``score --compare A B``."""

from dataclasses import asdict, dataclass
from pathlib import Path

from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.markdown import escape
from espnet_tse.scoring.result.paired_test import PairedDifference, holm, paired_difference
from espnet_tse.scoring.result.protocol import protocol_differences
from espnet_tse.scoring.result.scored_set import ScoredSet, read_result, result_file

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
class Comparison:
    """All lines, and what to know when reading them."""

    first: str
    lines: list[Line]
    remarks: list[str]


def find_scores(place: Path) -> ScoredSet:
    """Result of a scoring folder, of the decode folder above it, or of a result.json.

    Raises:
        DataError: there is no result.json, or no scores.jsonl beside it.
    """
    result = read_result(result_file(place))
    if not result.utterances:
        raise DataError(f"{result.folder}: has no scores.jsonl; score this system again.")
    return result


def compare_systems(
    folders: list[Path], metrics: tuple[str, ...] = (), ci_unit: str = "utt", force: bool = False
) -> Comparison:
    """Test every system against the first.

    Args:
        folders: scoring or decode folders, or result.json files.
        metrics: columns to test; none: all that the systems share.
        ci_unit: "utt", or "spk" for target speakers as units.
        force: compare results of different protocols all the same.
    Raises:
        DataError: a system twice, different protocols, no common utterance or column, no speakers for "spk".
    """
    first, *others = results = [find_scores(folder) for folder in folders]
    places = [result.folder.resolve() for result in results]
    twice = [str(folder) for folder, place in zip(folders, places) if places.count(place) > 1]
    if twice:
        raise DataError(f"--compare: {' and '.join(twice)} are the same scores; name another system's.")
    names = _names(results)
    remarks = _check_protocols(first, others, names[1:], force)
    lines: list[Line] = []
    for name, other in zip(names[1:], others):
        lines += _lines(first, other, name, metrics, ci_unit)
        remarks += _coverage(first, other, names[0], name)
        if not metrics:
            remarks += _unshared(first, other, names[0], name) + _unshared(other, first, name, names[0])
    judged = [i for i, line in enumerate(lines) if line.higher_is_better is not None]
    corrected = dict(zip(judged, holm([lines[i].test.p_value for i in judged])))
    lines = [Line(**{**vars(line), "p_holm": corrected.get(i)}) for i, line in enumerate(lines)]
    unit = "target speakers" if ci_unit == "spk" else "utterances"
    remarks.append(
        f"Intervals: 95 % bootstrap over {unit}. p: sign-flip test over {unit}, two-sided; Holm's correction for the "
        f"{len(judged)} tests of this table. Bold: corrected p at most {LEVEL}, and no penalty of the better "
        "system."
    )
    remarks.append(
        "scored: pairs of the common utterances"
        + (
            "; pen: failed outputs of the first and of the other system, at the penalty (of word errors: all "
            "words deleted, which may be fewer errors than a hallucination has)"
            if any(any(line.failed) for line in lines)
            else ""
        )
        + "."
    )
    return Comparison(names[0], lines, remarks)


def _names(results: list[ScoredSet]) -> list[str]:
    """Names of the systems, with the folder where they are not unlike."""
    names = [result.system for result in results]
    return [n if names.count(n) == 1 else f"{n} ({r.folder})" for n, r in zip(names, results)]


def _check_protocols(first: ScoredSet, others: list[ScoredSet], names: list[str], force: bool) -> list[str]:
    remarks = []
    for name, other in zip(names, others):
        found = protocol_differences(first.meta.get("protocol") or {}, other.meta.get("protocol") or {})
        if found and not force:
            raise DataError(
                f"{other.folder}: was not scored under the protocol of {first.folder}: {'; '.join(found)}. Score both "
                "alike, or pass --force to compare them all the same."
            )
        if found:
            remarks.append(
                f"WARNING, forced: '{name}' was scored under another protocol: {'; '.join(found)}."
            )
    for name, result in zip([first.system, *names], [first, *others]):
        remarks += [f"'{name}' is flagged: {flag}" for flag in result.meta.get("flags") or []]
    return remarks


def _coverage(first: ScoredSet, other: ScoredSet, first_name: str, name: str) -> list[str]:
    common = len({row["utt"] for row in first.utterances} & {row["utt"] for row in other.utterances})
    counts = (len(first.utterances), len(other.utterances))
    if counts == (common, common):
        return []
    return [
        f"WARNING: {common} common utterances of {counts[0]} ('{first_name}') and {counts[1]} ('{name}')."
    ]


def _unshared(one: ScoredSet, other: ScoredSet, name: str, other_name: str) -> list[str]:
    """Which columns of ``one`` the other system was not scored for."""
    columns = [column for column in [*one.metrics, *one.wer] if column not in {**other.metrics, **other.wer}]
    return [f"Not compared, only in '{name}' and not in '{other_name}': {', '.join(columns)}."] if columns else []


def _lines(
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


def comparison_markdown(comparison: Comparison) -> str:
    """The table and its remarks."""
    systems = list(dict.fromkeys(line.system for line in comparison.lines))
    # Several systems share the column, and each line names its own.
    names = f"{escape(comparison.first)} | {escape(systems[0]) if len(systems) == 1 else 'system'}"
    lines = [
        f"# Against {escape(comparison.first)}",
        "",
        f"| system | metric | scored | {names} | difference | 95 % interval | p | p (Holm) | |",
        "|:---|:---|---:|---:|---:|---:|---:|---:|---:|:---|",
    ]
    for line in comparison.lines:
        arrow = {True: " ↑", False: " ↓", None: ""}[line.higher_is_better]
        interval = "–" if line.test.ci95 is None else "{:.4g} to {:.4g}".format(*line.test.ci95)
        difference = f"{line.test.difference:+.4g}"
        cells = [
            escape(line.system),
            f"{line.metric}{arrow}",
            line.coverage,
            f"{line.first:.4g}",
            f"{line.second:.4g}",
            f"**{difference}**" if line.firm else difference,
            interval,
            f"{line.test.p_value:.4f}",
            "–" if line.p_holm is None else f"{line.p_holm:.4f}",
            line.verdict,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {escape(remark)}" for remark in comparison.remarks)]) + "\n"


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write compare.md and compare.json."""
    with atomic_write(folder / "compare.md") as file:
        file.write(comparison_markdown(comparison))
    lines = [{**asdict(line), "verdict": line.verdict or None} for line in comparison.lines]
    content = {"first": comparison.first, "lines": lines, "remarks": comparison.remarks}
    write_json(folder / "compare.json", content)
