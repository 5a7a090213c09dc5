"""What the estimates of a folder were made from: a run that goes on there must be of the same."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Mapping

from espnet_tse.codec.manifest import weights_sha256
from espnet_tse.io.audio_entry import file_of
from espnet_tse.io.files import is_there, write_json
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.extractor import Extractor

RECORD = "extraction.json"


def refuse_inputs(outputs: Mapping[str, Path], inputs: Mapping[str, str]) -> None:
    """Raise DataError where an estimate would be written over a recording that is read.

    Args:
        outputs: key -> file of the estimate.
        inputs: what each entry is -> the entry, as "mixture of 'key'".
    """
    places = {file_of(entry).resolve(): role for role, entry in inputs.items()}
    for key, path in outputs.items():
        if role := places.get(path.resolve()):
            raise DataError(
                f"{path}: is the {role}, and the estimate of '{key}' would be written there; name another place."
            )


def begin_record(
    folder: Path, extractor: Extractor, entries: Mapping[str, list[str]], files: Mapping[str, Path]
) -> None:
    """Write the record, or compare it with the one that is there.

    Args:
        entries: key -> entries of mixture, enrollment and, if there is one, embedding.
        files: key -> file of the estimate.
    Raises:
        DataError: estimates that are there are of another model, of other settings or of other recordings, or
            of something else.
    """
    path = folder / RECORD
    there = [key for key, file in files.items() if is_there(file)]
    record = {
        "model": weights_sha256(extractor.model),
        "settings": vars(extractor.conf),
        "inputs": {key: digest(entries[key]) for key in files},
    }
    if there:
        before = read_record(path, files[there[0]])
        fix = "name another --output_dir, or remove the folder"
        if before["model"] != record["model"]:
            raise DataError(f"{folder}: holds estimates of another model, or of other weights of it; {fix}.")
        settings = record["settings"]
        odd = [
            name
            for name in {*settings, *before["settings"]}
            if settings.get(name) != before["settings"].get(name)
        ]
        if odd:
            shown = ", ".join(
                f"{name} {before['settings'].get(name)}, now {settings.get(name)}" for name in sorted(odd)
            )
            raise DataError(f"{folder}: holds estimates by other settings ({shown}); {fix}.")
        changed = [key for key in there if before["inputs"].get(key) != record["inputs"][key]]
        if changed:
            raise DataError(
                f"{folder}: {len(changed)} estimates are of another mixture or enrollment than the lists name now, "
                f"first '{changed[0]}'; remove {files[changed[0]]} and the others, or {fix}."
            )
    write_json(path, record)
    if there:
        logging.info(f"{folder}: its estimates are of this model, these settings and these recordings")


def read_record(path: Path, estimate: Path) -> dict:
    """The record of a folder that holds estimates.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {name: record[name] for name in ("model", "settings", "inputs")}
    except FileNotFoundError:
        fault = f"no {path.name} says from what"
    except (ValueError, KeyError, TypeError) as error:
        fault = f"{path.name} cannot be read ({error!r})"
    raise DataError(
        f"{estimate}: is there already, and {fault} it was extracted; name another --output_dir, or remove "
        "the file."
    )


def digest(entries: list[str]) -> str:
    """Short hash of entries and of the sizes of their files; times differ between copies of a recipe."""
    lines = []
    for entry in entries:
        file = file_of(entry)
        lines.append(f"{entry} {file.stat().st_size if file.is_file() else 'missing'}\n")
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()[:16]
