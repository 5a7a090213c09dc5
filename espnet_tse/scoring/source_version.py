"""Which source and which versions computed a set of scores."""

import platform
import subprocess
from pathlib import Path

import espnet_tse
from espnet_tse.scoring.weights import package_version

PACKAGE = Path(espnet_tse.__file__).resolve().parent


def source_commit(package: Path = PACKAGE) -> str | None:
    """HEAD of the clone whose ``espnet_tse`` is ``package``; None outside a clone or without git.

    A package installed below some other clone (a virtual environment inside a project) is not of that
    clone: its top folder must hold ``package`` itself.
    """
    command = ["git", "rev-parse", "--show-toplevel", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    *top, commit = answer.stdout.splitlines()
    return commit if top and Path(top[0]).resolve() == package.parent else None


def base_versions() -> dict[str, str]:
    """Versions that every result names, besides those of its measures."""
    numpy = package_version("numpy")
    versions = {"python": platform.python_version(), "espnet_tse": espnet_tse.__version__}
    return versions | ({"numpy": numpy} if numpy else {})
