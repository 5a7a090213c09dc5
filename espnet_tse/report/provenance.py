"""Provenance: commit, versions, seeds and configs behind a set of results."""

import hashlib
import json
import platform
import re
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.report.collect import is_replaced, natural_key
from espnet_tse.report.row_notes import package_versions
from espnet_tse.scoring.result.scored_set import ScoredSet
from espnet_tse.scoring.result.source_version import source_commit

TIME_STAMP = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\b")
# A line of a done mark, ``.done.train``: a folder or file that a stage read, and its digest.
DONE_INPUT = re.compile(r"^input (.+) ([0-9a-f]{64})$", re.MULTILINE)
PACKAGES = ("espnet_tse", "espnet", "torch", "torchaudio", "numpy")


@dataclass(frozen=True)
class TrainedSystem:
    """A trained experiment folder and what is needed to train it again."""

    folder: Path
    config_sha256: str
    seed: str
    config: dict


def environment(results: list[ScoredSet]) -> list[tuple[str, str]]:
    """Label and value lines as ESPnet heads its RESULTS.md; the date is that of the newest score.

    The current time is not used, so that the same results always give the same text.
    """
    newest = max(results, key=lambda result: str(result.meta.get("date", "")))
    recorded = package_versions(newest.meta)
    lines = [("date", str(newest.meta.get("date", "not recorded")))]
    lines.append(("python version", recorded.get("python") or platform.python_version()))
    for name in PACKAGES:
        lines.append((f"{name} version", recorded.get(name) or installed_version(name)))
    commit = newest.meta.get("commit") or newest.meta.get("git_hash")
    if commit or "commit" in newest.meta:
        lines.append(("Git hash", str(commit or "scored outside a clone")))
    else:
        # Older scores do not record a commit: that of the report is the best guess.
        lines.append(("Git hash", source_commit() or "not a git checkout"))
    return lines


def installed_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def find_trained_systems(exp_dir: Path) -> list[TrainedSystem]:
    """Folders directly below ``exp_dir`` that training wrote: a config.yaml beside a train.log.

    What tse.sh moved aside (``is_replaced``) is left out.

    Raises:
        DataError: a config.yaml cannot be parsed.
    """
    systems = []
    for folder in sorted(exp_dir.iterdir(), key=lambda path: natural_key(path.name)):
        config_path = folder / "config.yaml"
        if is_replaced(folder.name) or not config_path.is_file() or not list(folder.glob("train*.log")):
            continue
        config, digest = read_yaml(config_path), hashlib.sha256(config_path.read_bytes()).hexdigest()
        systems.append(TrainedSystem(folder, digest, str(config.get("seed", "not recorded")), config))
    return systems


def training_hours(folder: Path) -> float | None:
    """Wall time of all runs in train.log and its rotated predecessors, None where none has a time.

    Each log is one run; the time between runs does not count.
    """
    seconds = 0.0
    for path in folder.glob("train*.log"):
        stamps = TIME_STAMP.findall(path.read_text(encoding="utf-8", errors="replace"))
        if stamps:
            first, last = (datetime.fromisoformat(stamp) for stamp in (stamps[0], stamps[-1]))
            seconds += (last - first).total_seconds()
    return seconds / 3600 if seconds > 0 else None


def input_digests(folder: Path) -> list[tuple[str, str]]:
    """(path, digest) of what a stage read, data directories among it, from the marks ``.done.<stage>``."""
    found: dict[str, str] = {}
    for mark in sorted(folder.glob(".done.*")):
        found.update(DONE_INPUT.findall(mark.read_text(encoding="utf-8", errors="replace")))
    return list(found.items())


def decoding_facts(result: ScoredSet) -> list[tuple[str, str]]:
    """Speed, memory and settings of a decoded set, from the decode.json beside its scoring folder.

    Raises:
        DataError: decode.json is no JSON object.
    """
    path = result.folder.parent / "decode.json"
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); decode this set again.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds no object; decode this set again.")
    facts = [("folder", str(path.parent))]
    for name, value in content.items():
        if isinstance(value, dict):
            facts.append(
                (name, ", ".join(f"{key} {item}" for key, item in value.items() if item is not None))
            )
        elif value is not None:
            facts.append((name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value)))
    return facts + [(f"digest of {name}", digest) for name, digest in input_digests(path.parent)]
