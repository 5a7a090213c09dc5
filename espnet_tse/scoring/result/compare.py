"""Comparison of scored systems on the utterances they share: ``score --compare A B``."""

from dataclasses import dataclass, replace
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.paired_test import holm
from espnet_tse.scoring.result.paired_values import LEVEL, Line, paired_lines
from espnet_tse.scoring.result.protocol import protocol_differences
from espnet_tse.scoring.result.scored_set import ScoredSet, read_result, result_file


@dataclass(frozen=True)
class Comparison:
    """All lines, and remarks for reading them."""

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
    _refuse_duplicates(folders, results)
    names = _names(results)
    remarks = _check_protocols(first, others, names[1:], metrics, force)
    lines: list[Line] = []
    for name, other in zip(names[1:], others):
        lines += paired_lines(first, other, name, metrics, ci_unit)
        remarks += _coverage(first, other, names[0], name)
        if not metrics:
            remarks += _unshared(first, other, names[0], name) + _unshared(other, first, name, names[0])
    lines = _corrected(lines)
    return Comparison(names[0], lines, remarks + _how_to_read(lines, ci_unit))


def _refuse_duplicates(folders: list[Path], results: list[ScoredSet]) -> None:
    places = [result.folder.resolve() for result in results]
    same = [str(folder) for folder, place in zip(folders, places) if places.count(place) > 1]
    if same:
        raise DataError(f"--compare: {' and '.join(same)} are the same scores; name another system's.")


def _judged(lines: list[Line]) -> list[int]:
    """Places of the lines whose metric says which system is better."""
    return [place for place, line in enumerate(lines) if line.higher_is_better is not None]


def _corrected(lines: list[Line]) -> list[Line]:
    """The lines with p-values corrected for the number of tests; diagnostics are not tested."""
    judged = _judged(lines)
    p_values = dict(zip(judged, holm([lines[place].test.p_value for place in judged])))
    return [replace(line, p_holm=p_values.get(place)) for place, line in enumerate(lines)]


def _how_to_read(lines: list[Line], ci_unit: str) -> list[str]:
    unit = "target speakers" if ci_unit == "spk" else "utterances"
    penalties = (
        "; pen: failed outputs of the first and of the other system, at the penalty (of word errors: all "
        "words deleted, which may be fewer errors than a hallucination has)"
    )
    return [
        f"Intervals: 95 % bootstrap over {unit}. p: sign-flip test over {unit}, two-sided; Holm's correction for "
        f"the {len(_judged(lines))} tests of this table. Bold: corrected p at most {LEVEL}, and no penalty of the "
        "better system.",
        f"scored: pairs of the common utterances{penalties if any(any(line.failed) for line in lines) else ''}.",
    ]


def _names(results: list[ScoredSet]) -> list[str]:
    """Names of the systems, with the folder where two are equal."""
    names = [result.system for result in results]
    return [n if names.count(n) == 1 else f"{n} ({r.folder})" for n, r in zip(names, results)]


def _check_protocols(
    first: ScoredSet, others: list[ScoredSet], names: list[str], metrics: tuple[str, ...], force: bool
) -> list[str]:
    remarks = []
    for name, other in zip(names, others):
        protocols = (result.meta.get("protocol") or {} for result in (first, other))
        found = protocol_differences(*protocols, metrics)
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
    return (
        [f"Not compared, only in '{name}' and not in '{other_name}': {', '.join(columns)}."]
        if columns
        else []
    )
