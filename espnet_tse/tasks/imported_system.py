"""A system of another toolkit as a folder that ``espnet-tse extract --model`` opens."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Mapping

import yaml
from torch import Tensor

from espnet_tse.io.checksum import write_checksum
from espnet_tse.io.files import atomic_write, sha256_of, write_json, write_tensors
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.tasks.checkpoint import build_checked, load_model
from espnet_tse.tasks.choices import TABLES, slots_of
from espnet_tse.tasks.tokenizers import remember_tokenizers
from espnet_tse.tasks.weights import DEFAULT_CHECKPOINT

IMPORTED = "imported.json"


def build_imported(config: Mapping[str, Any], source: Path) -> AbsTSEModel:
    """The model of a translated configuration, on the CPU, in eval mode.

    Raises:
        DataError: values are out of range; names ``source``, the configuration that was translated.
    """
    return build_checked(dict(config), source).eval()


def save_imported(
    folder: Path, config: Mapping[str, Any], state: Mapping[str, Tensor], source: Path, licence: str
) -> None:
    """Write config.yaml, weights and imported.json; what a killed one leaves has no weights, and the import may be run again.

    Args:
        folder: new, empty, or of an earlier import.
        config: a YAML of ours; defaults of the parts are written out.
        state: of the whole model.
        source: the file of weights that was read.
        licence: of the weights; what is known of it.
    Raises:
        DataError: the folder holds something else, or what was written does not open.
    """
    check_place(folder)
    parts = {
        f"{option}_conf": plain(
            TABLES[table].resolved(config[option], config.get(f"{option}_conf") or {}, option)
        )
        for option, table in slots_of("model", config)
    }
    folder = folder.resolve()  # of a link its target
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        new = Path(place) / folder.name
        with atomic_write(new / "config.yaml") as file:
            yaml.safe_dump({**config, **parts}, file, sort_keys=False)
        remember_tokenizers(config.get("tokenizers") or {}, new)
        write_tensors(new / DEFAULT_CHECKPOINT, dict(state))
        write_checksum(new / DEFAULT_CHECKPOINT)
        write_json(new / IMPORTED, {"from": source.name, "sha256": sha256_of(source), "licence": licence})
        load_model(new)  # what was written opens
        if folder.is_dir() and any(folder.iterdir()):
            replace_files(folder, new)
        else:
            new.replace(folder)


def replace_files(folder: Path, new: Path) -> None:
    """Move the files of another import over those of a folder, which may hold decoded sets besides.

    Weights go first and come last, so that those of one import never stand beside the configuration of another.
    """
    weights = folder / DEFAULT_CHECKPOINT
    weights.unlink(missing_ok=True)
    for file in sorted(new.iterdir(), key=lambda file: file.name == weights.name):
        if file.is_dir():
            shutil.rmtree(folder / file.name, ignore_errors=True)
        file.replace(folder / file.name)


def check_place(folder: Path, mark: str = IMPORTED) -> None:
    """Raise DataError where a folder holds what no import has written, which ends with the file ``mark``."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a folder, as exp/tse_imported.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        raise DataError(f"{folder}: holds something else already; name a new folder, or empty it.")


def plain(conf: Mapping[str, Any]) -> dict[str, Any]:
    """As a safe YAML can hold it: tuples as lists, at any depth."""
    return json.loads(json.dumps(conf))
