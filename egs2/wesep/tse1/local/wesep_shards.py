"""Shards of WeSep and WeSpeaker: tar files of recordings and of the names of those who speak in them.

Of mixtures (make_shard_list_premix.py): ``<key>.spk1``, ``<key>.spk2`` ... hold speakers, ``<key>.wav`` the mixture,
``<key>_spk1.wav``, ``<key>_spk2.wav`` ... its sources. Of single speakers (make_shard_online.py): ``<key>.spk`` and
``<key>.wav``. A recording may be of any of ``SUFFIXES``. Nothing is unpacked by the archive's own names.
"""

import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Iterator

from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError, check_file_names
from espnet_tse.io.visible_files import is_visible

SUFFIXES = ("wav", "flac", "mp3", "ogg", "opus")
SOURCE = re.compile(r"(.+)_spk([1-9])")


@dataclass
class Recording:
    """What the shards have under one key."""

    mixture: str | None = None  # path of what was written
    speakers: dict[int, str] = field(default_factory=dict)  # by number; 0: of a single speaker's recording
    sources: dict[int, str] = field(default_factory=dict)  # paths, by number


def read_shards(list_file: Path, folder: Path) -> dict[str, Recording]:
    """Write the recordings of all shards into ``folder``; those that are there already stay.

    Args:
        list_file: a path of a shard a line, see ``placed``.
    Returns:
        what there is, by key; a slash in a key has become "-".
    Raises:
        DataError: a list or a shard is missing or damaged, an entry is no plain file or of another kind, a key cannot name
            a file or stands twice, or what belongs together is not complete.
    """
    found: dict[str, Recording] = {}
    for shard in shards_of(list_file):
        for name, content in entries_of(shard):
            take(found, shard, name, content, folder)
    check_file_names(found, list_file)
    check_complete(found, list_file)
    return found


def shards_of(list_file: Path) -> list[Path]:
    """The lines of shard.list."""
    if not list_file.is_file():
        raise DataError(f"{list_file}: no such file; WeSep's tools/make_shard_list_premix.py writes it.")
    try:
        lines = list_file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(
            f"{list_file}: is no list of shards, which has a path a line; is it a shard?"
        ) from None
    shards = [Path(placed(line.strip(), list_file)) for line in lines if line.strip()]
    if not shards:
        raise DataError(f"{list_file}: names no shards.")
    for shard in shards:
        if not shard.is_file():
            raise DataError(
                f"{list_file}: {shard} is there neither from here nor from a folder above the list; fix the paths."
            )
    return shards


def placed(path: str, list_file: Path) -> str:
    """A path of WeSep's lists, which count from the folder of its run.sh, somewhere above the list; as it is if absolute."""
    if Path(path).exists():
        return path
    return next((str(above / path) for above in list_file.resolve().parents if (above / path).exists()), path)


def entries_of(shard: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in a shard, but for those that macOS's tar adds (``._a.wav``)."""
    try:
        with tarfile.open(shard, "r:") as archive:
            for entry in archive:
                if not entry.isreg():
                    raise DataError(
                        f"{shard}: '{entry.name}' is no plain file; shards hold nothing else. Make it again."
                    )
                if is_visible(PurePath(entry.name).name):
                    yield entry.name, archive.extractfile(entry).read()
    except tarfile.TarError as error:
        raise DataError(f"{shard}: no readable tar file ({error}); copy or make it again.") from error


def take(found: dict[str, Recording], shard: Path, name: str, content: bytes, folder: Path) -> None:
    """One entry into ``found``; a recording also into ``folder``."""
    stem, _, suffix = name.rpartition(".")
    key = stem.replace("/", "-")  # a name leads nowhere
    if number := re.fullmatch(r"spk([1-9]?)", suffix):
        speakers = found.setdefault(key, Recording()).speakers
        add(speakers, int(number[1] or 0), speaker_in(content, shard, name), shard, name)
        return
    if suffix not in SUFFIXES:
        raise DataError(
            f"{shard}: '{name}' is neither a speaker (.spk1) nor a recording ({', '.join(SUFFIXES)})."
        )
    check_file_names([key], shard)
    path = folder / f"{key}.{suffix}"
    # A mixture's speakers stand ahead of it: what is called as one of its sources is one.
    source = SOURCE.fullmatch(key)
    if source and source[1] in found:
        add(found[source[1]].sources, int(source[2]), str(path), shard, name)
    else:
        recording = found.setdefault(key, Recording())
        if recording.mixture is not None:
            raise DataError(f"{shard}: '{name}' is there twice; every key stands in one shard.")
        recording.mixture = str(path)
    if not path.is_file() or path.read_bytes() != content:
        with atomic_write(path, "wb") as out:
            out.write(content)


def speaker_in(content: bytes, shard: Path, name: str) -> str:
    """The one word of a speaker's entry."""
    try:
        words = content.decode("utf-8").split()
    except UnicodeDecodeError:
        words = []
    if len(words) != 1:
        raise DataError(f"{shard}: '{name}' holds {content[:40]!r}, want the name of one speaker.")
    return words[0]


def add(entries: dict[int, str], number: int, value: str, shard: Path, name: str) -> None:
    if number in entries:
        raise DataError(f"{shard}: '{name}' is there twice; every key stands in one shard.")
    entries[number] = value


def check_complete(found: dict[str, Recording], list_file: Path) -> None:
    """Raise DataError where a key has no recording, or speakers and sources are not as many; five are named."""
    faults = []
    for key, recording in found.items():
        speakers = set(recording.speakers)
        if recording.mixture is None:
            faults.append(f"'{key}' has no recording")
        elif speakers == {0}:
            if recording.sources:
                faults.append(f"'{key}' has one speaker and sources")
        elif (
            not speakers or speakers != set(recording.sources) or speakers != set(range(1, len(speakers) + 1))
        ):
            faults.append(f"'{key}' has speakers {sorted(speakers)} and sources {sorted(recording.sources)}")
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise DataError(f"{list_file}: {'; '.join(faults[:5])}{more}; make the shards again.")
