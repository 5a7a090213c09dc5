"""Reads what scoring wrote: ``result.json``, ``scores.jsonl`` and ``failed`` of a scoring folder."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.failure import CRASH, EST
from espnet_tse.scoring.result.reference_systems import REFERENCE_SYSTEMS, reference_rank

# Of the file ``failed``; a crash caused by the data alone leaves no value, which distinguishes it from a penalty.
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


def result_file(place: Path) -> Path:
    """The result.json of a place: itself, in a scoring folder, or in the decode folder above that.

    Raises:
        DataError: there is none.
    """
    for path in (place, place / "result.json", place / "scoring" / "result.json"):
        if path.is_file():
            return path
    if not place.exists():
        raise DataError(f"{place}: no such file or folder; fix the path, or score this system first.")
    raise DataError(f"{place}: has no result.json, nor has its folder 'scoring'; score this system first.")


def read_result(path: Path) -> ScoredSet:
    """Read one result.json.

    Raises:
        DataError: the file is missing, is not strict JSON, or lacks ``meta`` or ``metrics``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run the score stage, or fix --results.") from None
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
    """What distinguishes ways of scoring: settings, versions, weights, and the targets."""
    signature = meta.get("signature") or ""
    signature = signature if isinstance(signature, str) else json.dumps(signature, sort_keys=True)
    targets = (meta.get("protocol") or {}).get("reference_sha256") or ""
    return f"{signature}-{targets[:12]}" if targets else signature


def read_scores(path: Path) -> list[dict[str, Any]]:
    """Read the per-utterance lines of scores.jsonl; a missing file is an empty list.

    Raises:
        DataError: a line is not a JSON object or has no ``utt``.
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
    raise ValueError(f"holds {name}, which is not strict JSON")
