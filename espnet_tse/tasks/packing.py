"""Packing a trained system: one archive that extracts anywhere."""

import json
import zipfile
from pathlib import Path

import yaml

from espnet_tse.frontend.wavlm import files_of_wavlm
from espnet_tse.io.files import atomic_write, sha256_of
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.checkpoint import (
    DEFAULT_CHECKPOINT,
    find_codec,
    find_frontend,
    load_from_folder,
    needs_codec,
    read_config,
)

CODEC_FILES = ("config.yaml", "model.pth", "manifest.json")


def pack(folder: Path, output: Path, checkpoint: str = DEFAULT_CHECKPOINT, extra: tuple[Path, ...] = ()) -> None:
    """Write model, configuration, codec, a frontend's own model, identity and results of a system into a zip archive.

    Args:
        folder: ``exp/tse_...``.
        output: the archive, replaced as a whole.
        checkpoint: which weights; stored under the name that extraction looks for.
        extra: further files (RESULTS.md, licences), stored by their names.
    Raises:
        DataError: a file is missing, or what would be packed does not open: other weights, another codec.
    """
    config = read_config(folder)
    weights = folder / checkpoint
    files, codec = {DEFAULT_CHECKPOINT: weights}, None
    if needs_codec(config):
        codec = find_codec(folder, config["codec_dir"])
        files["codec_of_training/manifest.json"] = folder / "codec_of_training/manifest.json"
        files |= {f"codec/{name}": codec / name for name in CODEC_FILES}
    frontend = find_frontend(folder, config)
    if frontend is not None:
        files |= {f"frontend/{path.name}": path for path in files_of_frontend(frontend)}
        config["frontend_conf"]["model_dir"] = "frontend"
    files |= {path.name: path for path in extra}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise DataError(f"{folder}: cannot be packed, missing: {', '.join(missing)}; train on, or mend the paths.")
    load_from_folder(folder, checkpoint, codec and str(codec), "cpu")
    # Paths of the training machine say nothing elsewhere.
    config |= {"codec_dir": codec and "codec", "output_dir": None, "train_data_dir": None, "valid_data_dir": None}
    config |= {"train_codes": None, "valid_codes": None, "config": None, "init_param": []}
    config |= {"train_embeddings": None, "valid_embeddings": None, "front_end_dir": None}
    manifest = {
        "format": 1,
        "system": config["model"],
        "weights_sha256": sha256_of(weights),
    }
    if codec:
        manifest["codec_sha256"] = json.loads((codec / "manifest.json").read_text(encoding="utf-8"))["sha256"]
    with atomic_write(output, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.yaml", yaml.safe_dump(config, sort_keys=False))
        archive.writestr("manifest.json", json.dumps(manifest, indent=2))
        for name, path in files.items():
            archive.write(path, name)


def files_of_frontend(folder: Path) -> list[Path]:
    """What of a frontend's folder goes into the archive; ``DataError`` if it is not to be copied."""
    try:
        return files_of_wavlm(folder)
    except ValueError as error:
        raise DataError(f"{error} The model cannot be packed as it is.") from error
