"""Writing a folder so that a reader sees the old one or the new one, never a part."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


@contextmanager
def replaced_folder(directory: Path | str) -> Iterator[Path]:
    """An empty folder beside ``directory``, which takes its name and place once the block has ended well.

    Args:
        directory: the folder to write; what it held before goes with it. Of a link that is its target, and the link stays.
    """
    directory = Path(directory).resolve()
    work, old = (directory.with_name(f".{directory.name}.{what}.tmp") for what in ("new", "old"))
    for left in (work, old):  # by a killed process
        if left.is_symlink():
            left.unlink()
        shutil.rmtree(left, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
        if directory.exists():
            directory.rename(old)
        work.rename(directory)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
