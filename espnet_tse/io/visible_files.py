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
        folders[:] = sorted(
            name for name in folders if is_visible(name) and not leads_back(Path(place, name))
        )
        yield from (Path(place, name) for name in sorted(filter(is_visible, names)))


def leads_back(folder: Path) -> bool:
    """Whether a link names a folder in which it lies, or one on the way to it: following it would never end.

    On the way lie the targets of links, too: folders that link each other would be walked in turn, over and over.
    """
    if not folder.is_symlink():
        return False
    above = {place.resolve() for place in folder.parents}
    return folder.resolve() in above.union(*(place.parents for place in above))
