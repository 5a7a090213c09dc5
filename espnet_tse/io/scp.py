"""Kaldi scp files: one ``key value`` a line."""

from pathlib import Path
from sys import intern
from typing import Iterable, Mapping

from espnet_tse.io.files import atomic_write

LONGEST_KEY = 200  # bytes; file systems take names of 255, and suffixes follow


class DataError(ValueError):
    """Data that a user can fix; the message names the file, the key and the way."""


def read_scp(path: Path | str) -> dict[str, str]:
    """Read ``key value`` lines; the value is the rest of the line, spaces included.

    Args:
        path: scp, utt2spk or any other file of that form.
    Returns:
        key -> value in the file's order.
    Raises:
        DataError: the file is missing, a folder or not UTF-8, a line has no value, duplicate keys.
    """
    return _read_lines(path, want_values=True)


def read_text(path: Path | str) -> dict[str, str]:
    """As ``read_scp``, of a Kaldi ``text`` file, where a key may stand alone: its transcript is empty."""
    return _read_lines(path, want_values=False)


def read_filled_scp(
    path: Path | str, fix: str = "run the stage that makes it, or name another list"
) -> dict[str, str]:
    """As ``read_scp``, of a list that has to name something.

    Args:
        fix: what to do about an empty one, for the message.
    Raises:
        DataError: also where it is empty.
    """
    entries = read_scp(path)
    if not entries:
        raise DataError(f"{path}: is empty; {fix}.")
    return entries


def check_file_names(keys: Iterable[str], path: Path | str) -> None:
    """Refuse keys that cannot name a file, the one rule for all that is written as ``<key>.<suffix>``.

    Args:
        path: of the list, for the message.
    Raises:
        DataError: a key has a slash, with which a file may land outside of its folder; begins with a dot,
            which hides it; or is longer than file names are.
    """
    for key in keys:
        if "/" in key or key.startswith(".") or len(key.encode()) > LONGEST_KEY:
            raise DataError(
                f"{path}: key '{key}' cannot name a file; keys have no slash, begin with no dot and are at "
                f"most {LONGEST_KEY} bytes long. Rename the key in all lists."
            )


def read_list(path: Path | str) -> str:
    """The text of a list, whatever its lines hold.

    Raises:
        DataError: the file is missing, a folder or not UTF-8.
    """
    path = Path(path)
    try:
        return path.read_text(encoding="utf-8-sig")  # editors of Windows put a BOM ahead
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run the stage that makes it, or fix the path.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a list; name a file.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); unpack it, or convert it, e.g. with iconv.") from None


def _read_lines(path: Path | str, want_values: bool) -> dict[str, str]:
    entries: dict[str, str] = {}
    # str.splitlines also breaks at characters such as U+2028 that may stand inside a transcript.
    for number, line in enumerate(read_list(path).split("\n"), 1):
        if not line.strip():
            continue
        key, *value = line.split(maxsplit=1)
        if want_values and not value:
            raise DataError(f"{path}:{number}: key '{key}' has no value; each line wants 'key value'.")
        if key in entries:
            raise DataError(f"{path}:{number}: duplicate key '{key}'; keys must be unique.")
        entries[intern(key)] = value[0].rstrip() if value else ""  # the lists of a set share their keys
    return entries


def write_scp(path: Path | str, entries: Mapping[str, object]) -> None:
    """Write ``key value`` lines in byte order (as ``LC_ALL=C sort``), atomically.

    Raises:
        DataError: a key is empty or has spaces: read again, it would end at the first one.
    """
    for key in entries:
        if key.split() != [key]:
            raise DataError(
                f"{path}: key '{key}' is empty or has spaces, and a key ends at the first one; rename the file or the folder "
                "that it comes from."
            )
    with atomic_write(path) as file:
        for key in sorted(entries, key=lambda k: k.encode("utf-8")):
            file.write(f"{key} {entries[key]}".rstrip() + "\n")
