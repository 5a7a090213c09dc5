"""Which source and which versions computed a set of scores."""

import os
import platform
import subprocess
from pathlib import Path

import espnet_tse
from espnet_tse.scoring.measure.weights import package_version

PACKAGE = Path(espnet_tse.__file__).resolve().parent


def source_commit(package: Path = PACKAGE) -> str | None:
    """HEAD of the clone whose ``espnet_tse`` is ``package``, with ``-dirty`` where tracked files differ from it.

    None outside a clone or without git; a sentence where git refuses because another user owns the clone. A package
    installed below some other clone (a virtual environment inside a project) is not of that clone: its top folder must
    hold ``package`` itself.
    """
    try:
        top = git(package, "rev-parse", "--show-toplevel")
    except PermissionError:
        return f"not recorded: another user owns the clone (git config --global --add safe.directory {package.parent})"
    if top is None or Path(top).resolve() != package.parent:
        return None
    commit = git(package, "rev-parse", "--verify", "HEAD")
    # "git describe --dirty" would lock the clone's index, and leave the lock where the disk is full.
    changes = git(package, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if commit and changes else commit


def git(folder: Path, *arguments: str) -> str | None:
    """git's answer in ``folder``; None where it has none or is not installed.

    Raises:
        PermissionError: it refuses the clone because of its owner.
    """
    # In English, so that the refusal can be recognised.
    command, environment = ["git", *arguments], {**os.environ, "LC_ALL": "C"}
    try:
        answer = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if "dubious ownership" in answer.stderr:
        raise PermissionError(answer.stderr.strip())
    return answer.stdout.strip() if answer.returncode == 0 else None


def base_versions() -> dict[str, str]:
    """Versions that every result names, besides those of its measures."""
    numpy = package_version("numpy")
    versions = {"python": platform.python_version(), "espnet_tse": espnet_tse.__version__}
    return versions | ({"numpy": numpy} if numpy else {})
