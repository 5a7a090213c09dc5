"""Finds and reads what scoring left: ``result.json`` and ``scores.jsonl`` of each scored set."""

import json
import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Iterable

from espnet_tse.schema.scp import DataError

# Rows every test set is read against, in the order in which they stand above the systems.
REFERENCE_SYSTEMS = ("mixture", "interferer", "target", "codec")


@dataclass(frozen=True)
class ScoredSet:
    """One system on one test set: the content of a ``scoring`` folder."""

    folder: Path  # holds result.json and scores.jsonl
    system: str
    test_set: str
    signature: str  # equal for results that may stand in one table
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


@dataclass(frozen=True)
class ComparableGroup:
    """Results of one test set under one signature: the rows of one table."""

    test_set: str
    signature: str
    results: list[ScoredSet]

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
        The results by test set and system, references first; no two share set, signature and name.
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
    results = tell_apart([read_result(path) for path in paths.values()])
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
    """Split results into the tables they may share; different signatures never share one."""
    groups: dict[tuple[str, str], list[ScoredSet]] = {}
    for result in results:
        groups.setdefault((result.test_set, result.signature), []).append(result)
    # The larger group is the recipe's protocol; it goes first within its test set.
    ordered = sorted(groups.items(), key=lambda item: (natural_key(item[0][0]), -len(item[1]), item[0][1]))
    return [ComparableGroup(test_set, signature, rows) for (test_set, signature), rows in ordered]


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
    """What two results must have in common to stand in one table: settings, versions, weights, and the targets."""
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


def refuse_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which strict JSON does not know")


def tell_apart(results: list[ScoredSet]) -> list[ScoredSet]:
    """Add the folder's name to systems that share name, test set and signature."""
    seen: dict[tuple[str, str, str], int] = {}
    for result in results:
        key = (result.test_set, result.signature, result.system)
        seen[key] = seen.get(key, 0) + 1
    named = []
    for result in results:
        if seen[(result.test_set, result.signature, result.system)] > 1:
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


def system_key(system: str) -> tuple:
    return reference_rank(system), natural_key(system)


def natural_key(text: str) -> tuple:
    """Sort key under which ``n2`` stands before ``n10``."""
    parts = re.split(r"(\d+)", text.lower())
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts) + ((0, 0, text),)
