"""Writing a folder so that a reader sees the old one or the new one, never a part."""

import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterable, Iterator, Sequence

from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import is_visible

LIST = "wav.scp"  # a folder with it is a data directory


def check_replaceable(directory: Path | str, inputs: Iterable[Path | str] = ()) -> None:
    """Raise DataError where replacing ``directory`` would remove one of ``inputs``, or another data directory."""
    asked, directory = directory, Path(directory).resolve()
    for path in map(Path, inputs):
        # A link goes with the folder in which it lies, and what it names with that one's.
        for place in {path.resolve(), path.parent.resolve() / path.name}:
            if directory in (place, *place.parents):
                raise DataError(
                    f"{asked}: would be replaced as a whole, but is, or holds, what is read ({path}); name "
                    "another folder."
                )
    for place, folders, _ in os.walk(directory):
        folders[:] = filter(is_visible, folders)  # in .backup utils/fix_data_dir.sh keeps the set's own lists
        if within := [name for name in folders if os.path.exists(os.path.join(place, name, LIST))]:
            raise DataError(
                f"{asked}: would be replaced as a whole, but holds another data directory "
                f"({Path(place, min(within))}); name a folder of the set's own, as data/<set>, or remove what is "
                "not needed any more."
            )


@contextmanager
def replaced_folder(directory: Path | str, inputs: Iterable[Path | str] = ()) -> Iterator[Path]:
    """An empty folder beside ``directory``, which takes its name and place once the block has ended well.

    Args:
        directory: the folder to write; what it held before goes with it. Of a link that is its target, and the link stays.
        inputs: files and folders that are read for it.
    Raises:
        DataError: at once, as ``check_replaceable``.
    """
    check_replaceable(directory, inputs)
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


@contextmanager
def replaced_folders(
    directory: Path | str, names: Sequence[str], inputs: Iterable[Path | str] = ()
) -> Iterator[dict[str, Path]]:
    """``replaced_folder`` of several in ``directory``, by name; all are checked before anything is written."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(replaced_folder(Path(directory) / name, inputs)) for name in names}
