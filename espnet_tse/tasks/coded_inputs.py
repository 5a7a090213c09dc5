"""What the tokens or resyntheses of a folder were made from: a run that goes on there has to hear the same.

``inputs.jsonl`` has a line an utterance, with size, time and hash of its recording. Contents are read again only where size
or time differ, so that a large set that is unchanged costs no reading.
"""

import json
from pathlib import Path
from typing import Mapping

from espnet_tse.io.audio_entry import file_of
from espnet_tse.io.content_hash import content_hash
from espnet_tse.io.files import atomic_write
from espnet_tse.io.json_lines import whole_rows
from espnet_tse.io.scp import DataError

RECORD = "inputs.jsonl"


def begin_inputs(folder: Path, there: Mapping[str, str]) -> None:
    """Compare recordings with the record, and rid it of a line that a killed run has not written to its end.

    Args:
        there: key -> entry of utterances whose files are there already; of folders of earlier versions nothing is known.
    Raises:
        DataError: some are of other recordings, or the record cannot be read.
    """
    known = read_inputs(folder)
    changed = [key for key, entry in there.items() if key in known and is_another(entry, known[key])]
    if changed:
        raise DataError(
            f"{folder}: {len(changed)} utterances that are there are of other recordings than the list names now, first "
            f"'{changed[0]}'; remove their files, name another --output_dir, or remove the folder."
        )
    if (folder / RECORD).is_file():
        with atomic_write(folder / RECORD) as file:
            file.writelines(line_of(key, made_from) for key, made_from in known.items())


def add_inputs(folder: Path, entries: Mapping[str, str]) -> None:
    """Note the recordings of utterances whose files are about to be written."""
    with (folder / RECORD).open("a", encoding="utf-8") as file:
        for key, entry in entries.items():
            file.write(line_of(key, {**state_of(entry), "hash": content_hash(entry)}))


def read_inputs(folder: Path) -> dict[str, dict]:
    """Key -> ``size``, ``mtime_ns`` and ``hash``; none where the folder has no record."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        names = ("size", "mtime_ns", "hash")
        return {row["key"]: {name: row[name] for name in names} for row in whole_rows(path)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove the folder, or name another.") from None


def is_another(entry: str, made_from: dict) -> bool:
    """Whether an entry that can be read is not the recording of a record."""
    if not file_of(entry).is_file():  # told where it is read
        return False
    same_state = state_of(entry).items() <= made_from.items()
    return not same_state and content_hash(entry) != made_from["hash"]


def state_of(entry: str) -> dict[str, int]:
    """Size and time of the file of an entry."""
    state = file_of(entry).stat()
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}


def line_of(key: str, made_from: dict) -> str:
    return json.dumps({"key": key, **made_from}, ensure_ascii=False) + "\n"
