"""YAMLs that hold only what differs from another one, which they name: ``base: laura_tse_paper.yaml``.

A block (a key that ends in ``_conf``) is merged with the base's, key by key; any other value replaces the
base's. Where a file names another class for a slot than its base (``frontend: wavlm``), the base's block of
that slot (``frontend_conf``) belongs to the other class and is dropped. ``null`` drops what the base says
about a key or a block, so that the default holds.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator

from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml

BASE = "base"
BLOCK = "_conf"


@dataclass(frozen=True)
class Setting:
    """A value and the file that it stands in."""

    value: Any
    file: Path


@dataclass(frozen=True)
class YamlChain:
    """A YAML, its base, the base's base and so on."""

    files: tuple[Path, ...]  # the one that was asked for comes first
    settings: dict[str, Any]  # key -> Setting, or for a block a dict of the same kind

    @property
    def content(self) -> dict[str, Any]:
        """The resolved mapping, as if all of it stood in one file; the caller's own."""
        return values_of(self.settings)

    def check_keys(self, known: Iterable[str], place: str = "") -> None:
        """Refuse unknown keys outside of blocks.

        Args:
            known: all keys there are.
            place: follows the file's name in the message.
        Raises:
            DataError: names every unknown key with its file, and the nearest known one.
        """
        faults, known = [], set(known)
        for file in self.files:
            own = [key for key, setting in self.settings.items() if file in files_of(setting)]
            try:
                check_known(own, known, where=f"{file}{place and f': {place}'}")
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise DataError("\n".join(faults))

    def where(self, fault: str) -> str:
        """The file, or files, in which a fault is to be fixed.

        Args:
            fault: a message that begins with the key at fault, as "lm_conf of 'decoder_only': ..." or
                "--lm: ...".
        Returns:
            Where that key stands; of a block where the keys stand that the message names, else all files that
            fill it. The file that was asked for, if none has the key.
        """
        fault = re.sub(r"\(did you mean [^)]*\)|; known: .*", "", fault)  # names that nobody wrote
        subject, *others = re.findall(r"\w+", fault)
        setting = self.settings.get(subject)
        if isinstance(setting, dict) and not setting.keys().isdisjoint(others):
            setting = {key: setting[key] for key in setting.keys() & set(others)}
        found = files_of(setting)
        return " and ".join(str(file) for file in self.files if file in found) or str(self.files[0])


def read_chain(path: Path | str) -> YamlChain:
    """Read a YAML with all that it builds on.

    Args:
        path: of one mapping. ``base`` in it is the path of another, relative to the file itself; of a link,
            to the file that the link stands for.
    Raises:
        DataError: as ``read_yaml``, for any file of the chain; a base that is missing or no path; a circle.
    """
    layers = list(layers_of(Path(path)))
    settings: dict[str, Any] = {}
    for file, content in reversed(layers):
        settings = overlay(settings, marked(content, file))
    return YamlChain(tuple(file for file, _ in layers), settings)


def layers_of(path: Path) -> Iterator[tuple[Path, dict]]:
    """Each file of the chain with what it says itself, without ``base``."""
    passed: list[Path] = []
    while True:
        passed.append(path)
        content = read_yaml(path)
        base = content.pop(BASE, None)
        yield path, content
        if base is None:
            return
        if not isinstance(base, str) or not base:
            raise DataError(
                f"{path}: {BASE} is {base!r}, want the path of another YAML, relative to this file."
            )
        following = folder_of(path) / base
        if not following.is_file():
            raise DataError(
                f"{path}: {BASE}: {base}: no such file ({following}); fix the path, relative to this file."
            )
        if following.resolve() in [file.resolve() for file in passed]:
            circle = " -> ".join(map(str, [*passed, following]))
            raise DataError(
                f"{path}: {BASE}: {base} leads back to a file that builds on it ({circle}); remove one "
                f"{BASE}."
            )
        path = following


def folder_of(path: Path) -> Path:
    """Where a YAML's other files are: beside the file itself, not beside a link to it."""
    return path.resolve().parent if path.is_symlink() else path.parent


def marked(content: dict, file: Path) -> dict[str, Any]:
    """``content`` with each value as a ``Setting``; blocks stay mappings."""
    return {
        key: (
            marked(value, file)
            if is_block(key) and isinstance(value, dict) and value
            else Setting(value, file)
        )
        for key, value in content.items()
    }


def is_block(key: Any) -> bool:
    return str(key).endswith(BLOCK)


def overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The settings of a base and those of a file that builds on it; the file's win."""
    merged = dict(below)
    for key, setting in above.items():
        inherited = below.get(key)
        if (
            isinstance(setting, Setting)
            and isinstance(inherited, Setting)
            and setting.value != inherited.value
        ):
            merged.pop(f"{key}{BLOCK}", None)  # of another class
    for key, setting in above.items():
        inherited = merged.get(key)
        if isinstance(inherited, dict) and isinstance(setting, dict):
            merged[key] = overlay(inherited, setting)
        elif inherited is not None and isinstance(setting, Setting) and setting.value is None:
            del merged[key]
        elif not isinstance(inherited, dict) or setting.value != {}:  # which adds nothing
            merged[key] = setting
    return merged


def values_of(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        key: setting.value if isinstance(setting, Setting) else values_of(setting)
        for key, setting in settings.items()
    }


def files_of(setting: Any) -> set[Path]:
    """Files of a setting, or of all settings of a block."""
    if isinstance(setting, dict):
        return set().union(*map(files_of, setting.values()))
    return {setting.file} if isinstance(setting, Setting) else set()
