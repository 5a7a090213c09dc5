"""Comparison of scored systems on the utterances they share: ``score --compare A B``."""

from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.paired_test import holm
from espnet_tse.scoring.result.paired_values import LEVEL, Line, paired_lines
from espnet_tse.scoring.result.protocol import protocol_differences
from espnet_tse.scoring.result.scored_set import ScoredSet, read_result, result_file


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
        lines += paired_lines(first, other, name, metrics, ci_unit)
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
