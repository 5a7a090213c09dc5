"""Files of a folder of recordings without those that systems leave there: macOS's ``.DS_Store``, and ``._a.wav`` beside ``a.wav``."""

import os
from pathlib import Path
from typing import Iterator


def is_visible(name: str) -> bool:
    """Whether the name of a file or folder is not that of a hidden one."""
    return not name.startswith(".")


def visible_files(folder: Path, pattern: str) -> Iterator[Path]:
    """Paths below ``folder`` that a glob pattern names, without hidden ones and what lies in hidden folders, in no order."""
    depth = len(folder.parts)
    return (path for path in folder.glob(pattern) if all(map(is_visible, path.parts[depth:])))


def files_below(folder: Path) -> Iterator[Path]:
    """Visible files at any depth, behind links to folders, too, which ``**`` of a pattern does not follow; by name in each folder."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(filter(is_visible, folders))
        yield from (Path(place, name) for name in sorted(filter(is_visible, names)))
