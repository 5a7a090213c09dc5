"""Writing files so that a reader never sees half of one."""

import errno
import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Iterator


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO]:
    """Open a temporary file beside ``path`` and rename it to ``path`` once the block has ended well.

    Args:
        path: the file to write; its folder is created.
        mode: ``"w"`` (UTF-8 text) or ``"wb"``.
    Raises:
        OSError: the folder cannot be written, the disk is full, or ``path`` is a folder; names ``path``, which keeps
            what it held.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = None if "b" in mode else "utf-8"
    with naming(path):
        if path.is_dir():  # or it shows after hours, when the file is renamed
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with naming(path, name):
            with os.fdopen(descriptor, mode, encoding=encoding) as file:
                yield file
                # Or a power cut may keep the rename and lose the content.
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files private to their owner; results are meant to be shared.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, path)
    except BaseException:
        if os.path.exists(name):
            os.unlink(name)
        raise


@contextmanager
def naming(path: Path, temporary: str | None = None) -> Iterator[None]:
    """What the operating system says of the block's own file names ``path``, the one that was asked for.

    Args:
        temporary: the name of that file; None: all that is said is of it. A write does not know its file's name.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or (temporary is not None and error.filename not in (None, temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_there(path: Path) -> bool:
    """Whether a file of ``atomic_write`` has been written; an empty one is what a power cut leaves."""
    return path.is_file() and path.stat().st_size > 0


def write_json(path: Path | str, content: Any) -> None:
    """Write strict JSON (no NaN or Infinity literals), atomically."""
    with atomic_write(path) as file:
        json.dump(content, file, indent=2, sort_keys=False, allow_nan=False, ensure_ascii=False)
        file.write("\n")


def write_tensors(path: Path | str, content: Any) -> None:
    """``torch.save`` of which a reader, after a kill or a power cut too, sees all or nothing.

    Raises:
        OSError: no space, no permission; names ``path``, which keeps what it held.
    """
    import torch

    path = Path(path)
    # One fixed name: what a killed process left is overwritten and does not pile up.
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch turns a failed write into a RuntimeError
        temporary.unlink(missing_ok=True)
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        number = getattr(cause, "errno", None) or errno.EIO
        raise OSError(
            number, getattr(cause, "strerror", None) or f"is the disk full? {cause}", str(path)
        ) from error


def sha256_of(path: Path | str) -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_folder(folder: Path | str) -> str:
    """Hex digest of names and contents of the files right in a folder, hidden ones left out."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and not path.name.startswith("."):
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
