"""Finds the scored sets of an experiment folder, and groups those that may share a table."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Iterable

from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import files_below
from espnet_tse.scoring.result.protocol import protocol_differences
from espnet_tse.scoring.result.reference_systems import reference_rank
from espnet_tse.scoring.result.scored_set import ScoredSet, read_result, result_file

RESULT = ("scoring", "result.json")  # what a scored set's files are called, in the folder of its system


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


def results_below(folder: Path) -> list[Path]:
    """Every ``**/scoring/result.json``, behind links to folders, too."""
    return sorted(path for path in files_below(folder) if path.parts[-2:] == RESULT)


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
        for path in results_below(exp_dir):
            if not any(is_replaced(name) for name in path.relative_to(exp_dir).parts):
                paths.setdefault(path.resolve(), path)
    for path in extra:
        path = result_file(path)
        paths.setdefault(path.resolve(), path)
    if not paths:
        raise DataError(f"{exp_dir}: no scoring/result.json below it; run the score stage first.")
    results = [read_result(path) for path in paths.values()]
    return sorted(results, key=lambda r: (natural_key(r.test_set), system_key(r.system), r.signature))


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

    As in ``score --compare``: their common columns must have been scored alike, on the same audio.
    """
    protocols = [result.meta.get("protocol") or {} for result in (one, other)]
    if all("measures" in protocol for protocol in protocols):
        return protocol_differences(*protocols)
    # Older results have only the signature.
    if one.signature == other.signature:
        return []
    return ["targets, settings, versions or weights (by signature)"]


def tell_apart(results: list[ScoredSet]) -> list[ScoredSet]:
    """Add the folder's name to systems of one table that share a name."""
    seen = Counter(result.system for result in results)
    named = []
    for result in results:
        if seen[result.system] > 1:
            result = replace(result, system=f"{result.system} ({result.folder.parent})")
        named.append(result)
    return named


def system_key(system: str) -> tuple:
    return reference_rank(system), natural_key(system)


def natural_key(text: str) -> tuple:
    """Sort key under which ``n2`` stands before ``n10``."""
    parts = re.split(r"(\d+)", text.lower())
    return tuple((1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts) + ((0, 0, text),)
