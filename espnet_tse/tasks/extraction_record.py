"""What the estimates of a folder were made from: a run that goes on there must be of the same."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Mapping

from torch import nn

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.manifest import weights_sha256
from espnet_tse.io.content_hash import content_hash
from espnet_tse.io.files import is_there, write_json
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import DecodeConf
from espnet_tse.tasks.extractor import Extractor

RECORD = "extraction.json"


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
    hashes: dict[str, str] = {}
    record = {
        "model": weights_sha256(extractor.model),
        "codecs": codecs_sha256(extractor.model),
        "systems": systems_sha256(extractor),
        "corrector": None if extractor.corrector is None else weights_sha256(extractor.corrector),
        "settings": vars(extractor.conf),
        "inputs": {key: digest(entries[key], hashes) for key in files},
    }
    before = read_record(path, files[there[0]] if there else None)
    # Of keys that the lists do not hold now the estimates stay, and so does what they were made from.
    others = {
        key: made_from
        for key, made_from in before["inputs"].items()
        if key not in files and is_there(folder / f"{key}.wav")
    }
    if there or others:
        refuse_another(folder, before, record)
    changed = [key for key in there if before["inputs"].get(key) != record["inputs"][key]]
    if changed:
        raise DataError(
            f"{folder}: {len(changed)} estimates are of another mixture or enrollment than the lists name now, "
            f"first '{changed[0]}'; remove {files[changed[0]]} and the like, name another --output_dir, or remove the "
            "folder."
        )
    write_json(path, {**record, "inputs": {**others, **record["inputs"]}})
    if there:
        logging.info(f"{folder}: its estimates are of this model, these settings and these recordings")


def codecs_sha256(model: nn.Module) -> list[str]:
    """Hashes of the frozen codecs inside, which are no part of the model's own weights."""
    return sorted(weights_sha256(part) for part in model.modules() if isinstance(part, AbsIdentified))


def systems_sha256(extractor: Extractor) -> list[str]:
    """Hashes of other systems that take part: one that is corrected, a corrector."""
    model = extractor.model
    # A system that is kept may keep another one, which is in no weights of its own.
    kept = [part for part in model.modules() if isinstance(part, AbsTSEModel) and part is not model]
    return [weights_sha256(part) for part in (*kept, extractor.corrector) if part is not None]


def refuse_another(folder: Path, before: dict, now: dict) -> None:
    """Raise DataError where a record is of another model or of other settings."""
    fix = "name another --output_dir, or remove the folder"
    if before["model"] != now["model"]:
        raise DataError(f"{folder}: holds estimates of another model, or of other weights of it; {fix}.")
    if before["codecs"] not in (None, now["codecs"]):
        raise DataError(f"{folder}: holds estimates by another codec, or another decoder of it; {fix}.")
    if before["systems"] != now["systems"]:
        raise DataError(f"{folder}: holds estimates behind another system, or by another corrector; {fix}.")
    if odd := differing_settings(before["settings"], now["settings"]):
        shown = ", ".join(f"{name} {then}, now {setting}" for name, (then, setting) in odd.items())
        raise DataError(f"{folder}: holds estimates by other settings ({shown}); {fix}.")


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Names of settings that differ -> both values.

    A setting that one of them lacks, of an earlier version, had its default there, or was off. Where a
    corrector lies says nothing: its hash is compared.
    """
    defaults, odd = vars(DecodeConf()), {}
    for name in sorted({*one, *other} - {"corrector"}):
        values = tuple(settings.get(name, defaults.get(name)) for settings in (one, other))
        unknown = not (name in one and name in other)
        if values[0] != values[1] and not (unknown and not any(values)):
            odd[name] = values
    return odd


def read_record(path: Path, estimate: Path | None) -> dict:
    """The record of a folder.

    Args:
        estimate: one that is there already, if there is any.
    Raises:
        DataError: there are estimates and no record, or one that cannot be read.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {
            "model": record["model"],
            "codecs": record.get("codecs"),  # of earlier versions not known
            "systems": record.get("systems", []),  # of earlier versions none
            "settings": dict(record["settings"]),
            "inputs": dict(record["inputs"]),
        }
    except FileNotFoundError:
        fault = f"there is no {path.name}"
    except (ValueError, KeyError, TypeError) as error:
        fault = f"{path.name} cannot be read ({error})"
    if estimate is None:
        return {"model": None, "codecs": None, "systems": [], "settings": {}, "inputs": {}}
    raise DataError(
        f"{estimate} is there already, and it is not known from what it was extracted: {fault}; name another "
        "--output_dir, or remove the folder."
    )


def digest(entries: list[str], hashes: dict[str, str]) -> str:
    """Short hash of the recordings' contents, wherever they lie.

    Args:
        hashes: entry -> hash of those that were read before.
    Raises:
        DataError: one cannot be read.
    """
    for entry in entries:
        if entry not in hashes:
            hashes[entry] = content_hash(entry)
    return hashlib.sha256("".join(hashes[entry] for entry in entries).encode("ascii")).hexdigest()[:16]
