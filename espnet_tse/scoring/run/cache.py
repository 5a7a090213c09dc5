"""Values that were computed before, found by content, never by path or date.

A key hashes the measure's identity (version, settings, packages, weights) and the sha1 of the signals,
so decoding again into the same path can never yield stale scores. A folder of JSON lines: each
process appends to a file of its own (several systems may be scored at once over one shared folder), and
the run that made files joins them when it ends. Each line carries a checksum: a value with a flipped digit would be used
for ever.
"""

import hashlib
import json
import os
import re
import socket
import uuid
import zlib
from pathlib import Path
from typing import Any, Iterable, Iterator


def cache_key(identity: str, *parts: str) -> str:
    """sha1 over a measure's identity, the signals' hashes and what else determines the value."""
    return hashlib.sha1("\n".join((identity, *parts)).encode("utf-8")).hexdigest()


def line_of(key: str, value: Any) -> str:
    """An entry as a line of JSON, with its checksum."""
    return json.dumps({"key": key, "value": value, "crc32": checksum(key, value)}, allow_nan=False) + "\n"


def checksum(key: str, value: Any) -> int:
    return zlib.crc32(json.dumps([key, value]).encode("utf-8"))


def entries_in(path: Path) -> Iterator[tuple[str, Any]]:
    """Keys and values of a file's lines, one at a time.

    A job that was killed leaves a torn last line, and another run may just have joined the file into its own: what is
    damaged, gone, or of a release without checksums, is computed again.
    """
    try:
        # str.splitlines also breaks at characters such as U+2028 that may stand inside a transcript.
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    key, value = entry["key"], entry["value"]
                    is_whole = entry["crc32"] == checksum(key, value)
                except (json.JSONDecodeError, KeyError, TypeError):
                    continue
                if is_whole:
                    yield key, value
    except FileNotFoundError:
        return


class Cache:
    """key -> JSON value. Entries written in this process are on disk once ``flush`` returns."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.entries: dict[str, Any] = {}
        self.path: Path | None = None
        self._file = None
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
            self.read(path)

    def read(self, path: Path) -> None:
        """Add the entries of a file."""
        self.entries.update(entries_in(path))

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __getitem__(self, key: str) -> Any:
        return self.entries[key]

    def put(self, key: str, value: Any) -> None:
        """Add an entry to this process's file."""
        self.entries[key] = value
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.path = self.folder / name_of_process()
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(line_of(key, value))

    def flush(self) -> None:
        """Hand new entries to the operating system, so that they survive if this process is killed."""
        if self._file:
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def name_of_process() -> str:
    """A file name that no other process uses and that names its process."""
    return f"job.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}.jsonl"


def abandoned(folder: Path) -> list[Path]:
    """Files of processes of this machine that have ended: those of a killed run, which nobody else joins."""
    name = re.compile(rf"job\.{re.escape(socket.gethostname())}\.([0-9]+)\.[0-9a-f]+\.jsonl")
    found = ((path, name.fullmatch(path.name)) for path in sorted(folder.glob("job.*.jsonl")))
    return [path for path, match in found if match and not is_alive(int(match[1]))]


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is running, and belongs to another user
    return True


def join_files(folder: Path, parts: Iterable[Path], keep: set[str] | None = None) -> None:
    """Join the files ``parts`` of ``folder`` into one new file and remove them.

    Args:
        parts: files of jobs that have ended (or all files, where the folder belongs to one run).
        keep: keys to keep; None keeps all.
    """
    parts = [path for path in parts if path.exists()]
    if len(parts) == 0 or (len(parts) == 1 and keep is None and not parts[0].name.startswith("job.")):
        return
    joined = Cache(folder / "none")
    for path in parts:
        joined.read(path)
    entries = {k: v for k, v in joined.entries.items() if keep is None or k in keep}
    # Until it is complete it is a file of this process, and usable even if the process is killed midway.
    path = folder / name_of_process()
    try:
        with path.open("w", encoding="utf-8") as file:
            for key in sorted(entries):
                file.write(line_of(key, entries[key]))
    except OSError as error:  # errors of write() do not carry the file name
        raise OSError(error.errno, error.strerror, str(path)) from error
    path.rename(folder / f"cache.{uuid.uuid4().hex[:12]}.jsonl")
    for path in parts:
        path.unlink(missing_ok=True)
