"""Where figures come from: commit, versions, seeds and configs behind a set of results."""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import yaml

from espnet_tse.schema.scp import DataError
from espnet_tse.scoring.report.collect import ScoredSet, is_replaced, natural_key
from espnet_tse.scoring.report.results_table import package_versions
from espnet_tse.scoring.source_version import source_commit

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

    The clock is not asked: the same results give the same text tomorrow.
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
        # Scores of before the commit was recorded: that of the report is the best guess.
        lines.append(("Git hash", source_commit() or "not a git checkout"))
    return lines


def installed_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def find_trained_systems(exp_dir: Path) -> list[TrainedSystem]:
    """Folders directly below ``exp_dir`` that training left: a config.yaml beside a train.log.

    What tse.sh moved aside (``is_replaced``) is left out.

    Raises:
        DataError: a config.yaml cannot be parsed.
    """
    systems = []
    for folder in sorted(exp_dir.iterdir(), key=lambda path: natural_key(path.name)):
        config_path = folder / "config.yaml"
        if is_replaced(folder.name) or not config_path.is_file() or not list(folder.glob("train*.log")):
            continue
        content = config_path.read_bytes()
        try:
            config = yaml.safe_load(content)
        except yaml.YAMLError as error:
            raise DataError(f"{config_path}: not YAML ({error}); train again or mend it.") from None
        config = config if isinstance(config, dict) else {}
        digest = hashlib.sha256(content).hexdigest()
        systems.append(TrainedSystem(folder, digest, str(config.get("seed", "not recorded")), config))
    return systems


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
    return facts
