"""Lists of audio files for scoring: scp files, and folders whose files a pattern names."""

from pathlib import Path

from espnet_tse.io.scp import DataError, read_filled_scp, read_list
from espnet_tse.io.visible_files import is_visible, visible_files
from espnet_tse.scoring.measure.audio import AudioError, refuse_pipe
from espnet_tse.scoring.run.shown_keys import some


def read_entries(path: Path) -> dict[str, str]:
    """An scp of audio files.

    Raises:
        DataError: it is empty, holds commands or dynamic enrollments, or cannot be read.
    """
    entries = read_filled_scp(path)
    for key, entry in entries.items():
        try:
            refuse_pipe(entry, f"{path}, key '{key}'")
        except AudioError as error:
            raise DataError(str(error)) from None
        if entry.startswith("*"):
            raise DataError(
                f"{path}: key '{key}' is a dynamic enrollment ('{entry}'); scoring needs a fixed file."
            )
    return entries


def files_of_pattern(folder: Path, pattern: str) -> dict[str, str]:
    """Key -> path of the files below ``folder`` that a pattern names.

    Args:
        pattern: relative path with ``{utt}`` once, as ``"{utt}_est.wav"`` or ``"s1/{utt}.wav"``.
    Raises:
        DataError: no folder, no ``{utt}``, or no file of that name.
    """
    # As glob's paths are: what is cut off them has to be as long.
    before, found, after = Path(pattern).as_posix().partition("{utt}")
    if not found or "{utt}" in after or Path(pattern).is_absolute():
        raise DataError(
            f"--inf_pattern {pattern}: a path below --inf_dir with {{utt}} once, as '{{utt}}_est.wav'."
        )
    if not folder.is_dir():
        raise DataError(f"--inf_dir {folder}: no such folder; fix the path.")
    entries = {}
    for path in sorted(folder.glob(_literal(before) + "*" + _literal(after))):
        key = path.relative_to(folder).as_posix()[len(before) : -len(after) or None]
        if path.is_file() and key and is_visible(path.name):
            entries[key] = str(path)
    if not entries:
        names = sorted(path.name + "/" * path.is_dir() for path in visible_files(folder, "*"))
        held = f"it holds {some(names)}" if names else "it is empty"
        raise DataError(f"--inf_dir {folder}: holds no file '{pattern}'; fix --inf_pattern: {held}.")
    return entries


def _literal(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def read_keys(path: Path) -> set[str]:
    """First words of the lines of a list.

    Raises:
        DataError: as ``read_list``, or it is empty.
    """
    keys = {line.split()[0] for line in read_list(path).split("\n") if line.strip()}
    if not keys:
        raise DataError(f"{path}: holds no key.")
    return keys
