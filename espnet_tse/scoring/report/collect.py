"""Finds and reads what scoring left: ``result.json`` and ``scores.jsonl`` of each scored set."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Iterable

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.failure import CRASH, EST
from espnet_tse.scoring.protocol import protocol_differences

# Rows every test set is read against, in the order in which they stand above the systems.
REFERENCE_SYSTEMS = ("mixture", "interferer", "target", "codec")

# Of the file ``failed``; a crash that the data alone cause leaves no value, which tells it from a penalty.
ESTIMATE_FAULTS = (EST, CRASH)


@dataclass(frozen=True)
class ScoredSet:
    """One system on one test set: the content of a ``scoring`` folder."""

    folder: Path  # holds result.json and scores.jsonl
    system: str
    test_set: str
    signature: str  # equal for results of the same settings, versions, weights and targets
    meta: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    wer: dict[str, dict[str, Any]]
    # Bucket -> its parts, each ``{label, n, metrics: {name: {mean, ci95, n}}}``.
    buckets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()  # what the scorer found odd
    target_absent: int = 0  # utterances in which the enrolled speaker says nothing
    source: str = ""  # publication of figures that are not our own

    @property
    def is_reference(self) -> bool:
        """Whether this row only frames the systems: the mixture, the target, a codec's resynthesis."""
        return reference_rank(self.system) < len(REFERENCE_SYSTEMS)

    @cached_property
    def utterances(self) -> list[dict[str, Any]]:
        """The lines of scores.jsonl, one dict an utterance."""
        return read_scores(self.folder / "scores.jsonl")

    @cached_property
    def failed(self) -> frozenset[tuple[str, str]]:
        """(utterance, column) pairs whose value is a penalty, because the estimate failed."""
        return read_failed(self.folder / "failed")


@dataclass(frozen=True)
class ComparableGroup:
    """Results of one test set that were scored alike, as far as they share columns: the rows of one table."""

    test_set: str
    signature: str  # of most of its results
    results: list[ScoredSet]
    differs: tuple[str, ...] = ()  # in what from the first group of the test set

    @property
    def systems(self) -> list[ScoredSet]:
        """The results that compete; the references where there is nothing else."""
        return [result for result in self.results if not result.is_reference] or self.results


def collect_results(exp_dir: Path | None, extra: Iterable[Path] = ()) -> list[ScoredSet]:
    """Read every ``**/scoring/result.json`` below ``exp_dir`` and the ``extra`` result files.

    What tse.sh moved aside (``is_replaced``) is left out, unless ``extra`` names it.

    Args:
        exp_dir: experiment folder, or None to read ``extra`` alone.
        extra: further results, as ``result_file`` finds them.
    Returns:
        The results by test set and system, references first.
    Raises:
        DataError: a file cannot be read or lacks a field, or nothing was found.
    """
    paths: dict[Path, Path] = {}
    if exp_dir is not None:
        if not exp_dir.is_dir():
            raise DataError(f"{exp_dir}: no such folder; give the recipe's exp folder as --exp_dir.")
        for path in sorted(exp_dir.rglob("scoring/result.json")):
            if not any(is_replaced(name) for name in path.relative_to(exp_dir).parts):
                paths.setdefault(path.resolve(), path)
    for path in extra:
        path = result_file(path)
        paths.setdefault(path.resolve(), path)
    if not paths:
        raise DataError(f"{exp_dir}: no scoring/result.json below it; run the score stage first.")
    results = [read_result(path) for path in paths.values()]
    return sorted(results, key=lambda r: (natural_key(r.test_set), system_key(r.system), r.signature))


def result_file(place: Path) -> Path:
    """The result.json of a place: itself, in a scoring folder, or in the decode folder above that.

    Raises:
        DataError: there is none.
    """
    for path in (place, place / "result.json", place / "scoring" / "result.json"):
        if path.is_file():
            return path
    if not place.exists():
        raise DataError(f"{place}: no such file or folder; mend the path, or score this system first.")
    raise DataError(f"{place}: has no result.json, nor has its folder 'scoring'; score this system first.")


def is_replaced(folder_name: str) -> bool:
    """Whether a folder holds what a newer run replaced: tse.sh moves it to ``<name>.old.<number>``."""
    return fnmatch(folder_name, "*.old.*")


def group_comparable(results: Iterable[ScoredSet]) -> list[ComparableGroup]:
    """Split results into the tables they may share: those of which every two may (``table_differences``)."""
    alike: dict[tuple[str, str], list[ScoredSet]] = {}
    for result in results:
        alike.setdefault((result.test_set, result.signature), []).append(result)
    # The larger group is the recipe's protocol; it goes first within its test set, others join it or not.
    ordered = sorted(alike.items(), key=lambda item: (natural_key(item[0][0]), -len(item[1]), item[0][1]))
    groups: list[ComparableGroup] = []
    for (test_set, signature), rows in ordered:
        for result in rows:
            of_set = [group for group in groups if group.test_set == test_set]
            reasons = [
                [reason for row in group.results for reason in table_differences(row, result)]
                for group in of_set
            ]
            joined = next((group for group, found in zip(of_set, reasons) if not found), None)
            if joined is not None:
                joined.results.append(result)
            else:
                differs = tuple(dict.fromkeys(reasons[0])) if reasons else ()
                groups.append(ComparableGroup(test_set, signature, [result], differs))
    for group in groups:
        named = tell_apart(group.results)
        group.results[:] = sorted(named, key=lambda r: (system_key(r.system), r.signature))
    return groups


def table_differences(one: ScoredSet, other: ScoredSet) -> list[str]:
    """Why two results must not stand in one table; empty if they may.

    As ``score --compare`` judges: what both were scored for must have been scored alike, on the same audio.
    """
    protocols = [result.meta.get("protocol") or {} for result in (one, other)]
    if all("measures" in protocol for protocol in protocols):
        return protocol_differences(*protocols)
    # Of older results the signature is all that tells.
    if one.signature == other.signature:
        return []
    return ["targets, settings, versions or weights (by signature)"]


def read_result(path: Path) -> ScoredSet:
    """Read one result.json.

    Raises:
        DataError: the file is missing, is no strict JSON, or lacks ``meta`` or ``metrics``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run the score stage, or mend --results.") from None
    except ValueError as error:
        raise DataError(f"{path}: not a result file ({error}); score this folder again.") from None
    fields = content if isinstance(content, dict) else {}
    for name in ("meta", "metrics"):
        if not isinstance(fields.get(name), dict):
            raise DataError(f"{path}: lacks the object '{name}'; score this folder again.")
    meta = fields["meta"]
    return ScoredSet(
        folder=path.parent,
        system=str(meta.get("system") or path.parent.parent.name),
        test_set=str(meta.get("test_set") or "unnamed set"),
        signature=signature_of(meta),
        meta=meta,
        metrics=fields["metrics"],
        wer=fields.get("wer") or {},
        buckets=fields.get("buckets") or {},
        warnings=tuple(fields.get("warnings") or ()),
        target_absent=int((fields.get("coverage") or {}).get("target_absent") or 0),
    )


def signature_of(meta: dict[str, Any]) -> str:
    """What tells ways of scoring apart: settings, versions, weights, and the targets."""
    signature = meta.get("signature") or ""
    signature = signature if isinstance(signature, str) else json.dumps(signature, sort_keys=True)
    targets = (meta.get("protocol") or {}).get("reference_sha256") or ""
    return f"{signature}-{targets[:12]}" if targets else signature


def read_scores(path: Path) -> list[dict[str, Any]]:
    """Read the per-utterance lines of scores.jsonl; a missing file is an empty list.

    Raises:
        DataError: a line is no JSON object or has no ``utt``.
    """
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: not JSON ({error}); score this folder again.") from None
        if not isinstance(row, dict) or "utt" not in row:
            raise DataError(f"{path}:{number}: has no 'utt'; score this folder again.")
        rows.append(row)
    return rows


def read_failed(path: Path) -> frozenset[tuple[str, str]]:
    """The (key, column) pairs of ``failed`` whose fault is the estimate's; none where there is no file."""
    if not path.is_file():
        return frozenset()
    lines = (line.split(maxsplit=3) for line in path.read_text(encoding="utf-8").splitlines())
    faults = (words for words in lines if len(words) > 2 and words[2] in ESTIMATE_FAULTS)
    return frozenset((key, column) for key, column, *_ in faults)


def refuse_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which strict JSON does not know")


def tell_apart(results: list[ScoredSet]) -> list[ScoredSet]:
    """Add the folder's name to systems of one table that share a name."""
    seen = Counter(result.system for result in results)
    named = []
    for result in results:
        if seen[result.system] > 1:
            result = replace(result, system=f"{result.system} ({result.folder.parent})")
        named.append(result)
    return named


def reference_rank(system: str) -> int:
    """Place of a system among REFERENCE_SYSTEMS; their number for anything else."""
    name = system.lower()
    for rank, reference in enumerate(REFERENCE_SYSTEMS):
        if re.match(rf"{reference}($|[^a-z0-9])", name):
            return rank
    return REFERENCE_SYSTEMS.index("codec") if "resynth" in name else len(REFERENCE_SYSTEMS)


def is_mixture(system: str) -> bool:
    """Whether a row is named as that of the untouched mixtures."""
    return reference_rank(system) == REFERENCE_SYSTEMS.index("mixture")


def system_key(system: str) -> tuple:
    return reference_rank(system), natural_key(system)


def natural_key(text: str) -> tuple:
    """Sort key under which ``n2`` stands before ``n10``."""
    parts = re.split(r"(\d+)", text.lower())
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts) + ((0, 0, text),)
