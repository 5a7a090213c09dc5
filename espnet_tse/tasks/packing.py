"""Packing a trained system: one archive that extracts anywhere."""

import json
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

import yaml

from espnet_tse.layers.ssl_model import files_of_ssl
from espnet_tse.io.files import atomic_write, sha256_of
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.checkpoint import (
    DEFAULT_CHECKPOINT,
    find_frontend,
    find_system,
    load_from_folder,
    read_config,
    tokenizers_of,
    whole_systems,
)
from espnet_tse.tasks.choices import model_choices
from espnet_tse.tasks.frozen_parts import KEPT_PARTS
from espnet_tse.tasks.imported_system import IMPORTED
from espnet_tse.tasks.locations import located
from espnet_tse.tasks.tokenizers import KEPT, kept_manifest

TOKENIZER_FILES = ("config.yaml", "model.pth", "manifest.json")
# Paths of the training machine, which say nothing elsewhere.
LOCAL = (
    "output_dir",
    "train_data_dir",
    "valid_data_dir",
    "train_tokens",
    "valid_tokens",
    "train_embeddings",
    "valid_embeddings",
    "config",
    "pretrained",
)


def pack(
    folder: Path, output: Path, checkpoint: str = DEFAULT_CHECKPOINT, extra: tuple[Path, ...] = ()
) -> None:
    """Write a zip archive: model, configuration, tokenizers, a frontend's own model, identity, results.

    Args:
        folder: ``exp/tse_...``.
        output: the archive, replaced as a whole.
        checkpoint: which weights; stored under the name that extraction looks for.
        extra: further files (RESULTS.md, licences), stored by their names.
    Raises:
        DataError: a file is missing, or what would be packed does not open: other weights, another tokenizer.
    """
    config = read_config(folder)
    files = {DEFAULT_CHECKPOINT: folder / checkpoint}
    with ExitStack() as opened:
        tokenizers = {
            name: opened.enter_context(located(place))
            for name, place in tokenizers_of(folder, config).items()
        }
        for name, place in tokenizers.items():
            files[f"{KEPT}/{name}/manifest.json"] = kept_manifest(folder, name) / "manifest.json"
            files |= {f"tokenizers/{name}/{file}": place / file for file in TOKENIZER_FILES}
        frontend = find_frontend(folder, config)
        if frontend is not None:
            files |= {f"frontend/{path.name}": path for path in files_of_frontend(frontend)}
            config["frontend_conf"]["model_dir"] = "frontend"
        for name in whole_systems(model_choices.classes[config["model"]]):
            archive = Path(opened.enter_context(tempfile.TemporaryDirectory())) / f"{name}.zip"
            with located(find_system(folder, name, config)) as system:
                pack(system, archive)
            files[f"systems/{name}.zip"] = archive
        if (folder / KEPT_PARTS).is_file():
            files[KEPT_PARTS] = folder / KEPT_PARTS
        if (folder / IMPORTED).is_file():  # the licence of its weights goes where they go
            files[IMPORTED] = folder / IMPORTED
        files |= {path.name: path for path in extra}
        missing = [str(path) for path in files.values() if not path.is_file()]
        if missing:
            raise DataError(
                f"{folder}: cannot be packed, missing: {', '.join(missing)}; train on, or fix the paths."
            )
        load_from_folder(folder, checkpoint, {name: str(place) for name, place in tokenizers.items()}, "cpu")
        config |= {name: None for name in LOCAL} | {"init_param": []}
        config["tokenizers"] = {name: f"tokenizers/{name}" for name in tokenizers}
        write_archive(output, config, manifest_of(config, files), files)


def manifest_of(config: dict, files: dict[str, Path]) -> dict:
    """What the archive says of itself."""
    sums = {
        name: json.loads(files[f"tokenizers/{name}/manifest.json"].read_text(encoding="utf-8"))["sha256"]
        for name in config["tokenizers"]
    }
    return {
        "format": 2,
        "system": config["model"],
        "weights_sha256": sha256_of(files[DEFAULT_CHECKPOINT]),
        "tokenizers_sha256": sums,
    }


def write_archive(output: Path, config: dict, manifest: dict, files: dict[str, Path]) -> None:
    """One zip archive, under a temporary name first."""
    with atomic_write(output, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.yaml", yaml.safe_dump(config, sort_keys=False))
        archive.writestr("manifest.json", json.dumps(manifest, indent=2))
        for name, path in files.items():
            archive.write(path, name)


def files_of_frontend(folder: Path) -> list[Path]:
    """What of a frontend's folder goes into the archive; ``DataError`` if it is not to be copied."""
    try:
        return files_of_ssl(folder)
    except ValueError as error:
        raise DataError(f"{error} The model cannot be packed as it is.") from error
