"""Where the weight files of the measures lie: in wheels that the ``score`` extra installs. No downloads."""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.scoring.card import Measure


@dataclass(frozen=True)
class WeightFile:
    """``package``/``relative``, and the start of its sha256 as first measured ("" = any)."""

    package: str
    distribution: str
    relative: str
    sha256: str


WEIGHTS = {
    "dnsmos_primary": WeightFile("speechmos", "speechmos", "dnsmos_models/sig_bak_ovr.onnx", "269fbebd"),
    "dnsmos_p808": WeightFile("speechmos", "speechmos", "dnsmos_models/model_v8.onnx", "9246480c"),
    "pdnsmos": WeightFile("speechmos", "speechmos", "pdnsmos_models/sig_bak_ovr.onnx", "9e3a1974"),
    "resemblyzer": WeightFile("resemblyzer", "resemblyzer", "pretrained.pt", "39373b86"),
    "pocketsphinx": WeightFile("pocketsphinx", "pocketsphinx", "model/en-us", ""),
}


def find_weight(name: str, dnsmos_dir: Path | None = None) -> Path | None:
    """Path of a weight file (or folder) without importing its package; None when it is not there."""
    weight = WEIGHTS[name]
    if dnsmos_dir and weight.package == "speechmos":
        path = dnsmos_dir / weight.relative
        return path if path.exists() else None
    spec = importlib.util.find_spec(weight.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / weight.relative
    return path if path.exists() else None


def sha256(path: Path) -> str:
    """sha256 of a file, or of a folder's files in the order of their names."""
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            if path.is_dir():
                digest.update(str(part.relative_to(path)).encode())
            digest.update(part.read_bytes())
    return digest.hexdigest()


def package_version(distribution: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_parts(measure: Measure, dnsmos_dir: Path | None = None) -> list[str]:
    """What ``measure`` lacks on this machine, each with the way to get it; empty when it can run."""
    lacking = [
        f"package '{name}' is not installed (pip install -e '.[score]')"
        for name in measure.packages
        if package_version(name) is None
    ]
    if not lacking:
        for name in measure.weights:
            if find_weight(name, dnsmos_dir) is None:
                weight = WEIGHTS[name]
                place = dnsmos_dir or f"the package '{weight.package}'"
                lacking.append(
                    f"weight file {weight.relative} is not in {place} (install {weight.distribution})"
                )
    return lacking
