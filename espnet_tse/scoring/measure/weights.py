"""What measures need on this machine: packages, and weights in wheels or in ``--model_dir``. No downloads."""

import hashlib
import importlib.metadata
from pathlib import Path

from espnet_tse.io.files import sha256_of
from espnet_tse.scoring.measure.card import Measure
from espnet_tse.scoring.measure.weight_files import WEIGHTS, LocalWeight, Places, chosen_files


def find_weight(name: str, places: Places = Places()) -> Path | None:
    """Path of a weight file (or folder) of the table; None when it is not there."""
    return WEIGHTS[name].find(places)


def weight_sha256(name: str, places: Places = Places()) -> str:
    """sha256 of a weight that is there; of a folder, of those files only that are loaded."""
    path, weight = find_weight(name, places), WEIGHTS[name]
    if isinstance(weight, LocalWeight) and weight.files:
        return sha256(path, chosen_files(path, weight.files))
    return sha256(path)


def sha256(path: Path, files: list[Path] | None = None) -> str:
    """sha256 of a file, or of a folder's ``files`` (all of them, by default) with their names."""
    if not path.is_dir():
        return sha256_of(path)
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if files is None else files:
        if part.is_file():
            digest.update(str(part.relative_to(path)).encode())
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def package_version(distribution: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_packages(measure: Measure) -> list[str]:
    """Packages that ``measure`` lacks on this machine, each with how to install it."""
    return [
        f"package '{name}' is not installed (pip install -e '.[{measure.extra}]')"
        for name in measure.needed_packages
        if package_version(name) is None
    ]


def missing_parts(measure: Measure, places: Places = Places()) -> list[str]:
    """What ``measure`` lacks on this machine, each with how to get it; empty when it can run."""
    problems = [WEIGHTS[name].problem(places) for name in measure.weights]
    # Weights in a wheel are missing because the package is: naming the package is enough.
    return missing_packages(measure) or [problem for problem in problems if problem]


def missing_names(measure: Measure, places: Places = Places()) -> list[str]:
    """The same in few words: names of packages, else of weight files."""
    packages = [f"package {name}" for name in measure.needed_packages if package_version(name) is None]
    return packages or [WEIGHTS[name].relative for name in measure.weights if WEIGHTS[name].problem(places)]
