"""A trained system on disk: an ``exp/`` folder or a packed archive, opened strictly."""

import argparse
import logging
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import torch

from espnet_tse.codec.manifest import check_same_codec, read_manifest
from espnet_tse.extractor.speaker_resnet34 import norm_of
from espnet_tse.layers.weight_layout import column_major_weights
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.choices import model_choices, slots_of

DEFAULT_CHECKPOINT = "valid.loss.ave.pth"


@contextmanager
def opened_folder(path: Path | str) -> Iterator[Path]:
    """The folder of a system: ``path`` itself, or the content of an archive, unpacked while it is used.

    Raises:
        DataError: nothing there, no zip archive, or members that lead out of it.
    """
    path = Path(path)
    if path.is_dir():
        yield path
        return
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise DataError(f"{path}: neither an exp/ folder nor a packed model (.zip); train one or mend the path.")
    with tempfile.TemporaryDirectory(prefix="espnet_tse_") as unpacked, zipfile.ZipFile(path) as archive:
        target = Path(unpacked)
        for member in archive.infolist():
            # Symbolic links and parents could write outside of the folder.
            is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
            inside = (target / member.filename).resolve().is_relative_to(target.resolve())
            if is_link or not inside:
                raise DataError(f"{path}: member '{member.filename}' leads out of the archive; do not use this file.")
        unpack(archive, target, path)
        yield target


def unpack(archive: zipfile.ZipFile, target: Path, path: Path) -> None:
    """``extractall``; a damaged or encrypted archive is named."""
    try:
        archive.extractall(target)
    # zipfile raises RuntimeError for archives that are encrypted or packed in a way it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); fetch it again, or pack the model anew.") from error


def find_codec(folder: Path, codec_dir: str) -> Path:
    """The codec folder of a system.

    Raises:
        DataError: it is not to be found.
    """
    return find_part(folder, "codec", codec_dir, "manifest.json", "give its folder (--codec_dir) or pack the model")


def find_frontend(folder: Path, config: dict) -> Path | None:
    """The folder of a frontend that is a model of its own (``frontend_conf: model_dir``); None of others.

    Raises:
        DataError: it is not to be found.
    """
    model_dir = (config.get("frontend_conf") or {}).get("model_dir")
    if model_dir is None:
        return None
    return find_part(folder, "frontend", model_dir, "config.json", "put it there, or pack the model where it is")


def find_part(folder: Path, part: str, trained_with: str, member: str, mend: str) -> Path:
    """A folder that a system builds on: packed beside it under the name ``part``, or where training found it.

    Args:
        trained_with: path in the configuration, relative to the recipe.
        member: a file that tells such a folder.
    """
    recipe = folder.resolve().parent.parent  # exp/tse_x -> the folder whose run.sh trained it
    places = [folder / part, Path(trained_with), recipe / trained_with, folder.parent / Path(trained_with).name]
    for place in places:
        if (place / member).is_file():
            return place
    tried = ", ".join(str(place) for place in places)
    raise DataError(f"{folder}: its {part} is in none of: {tried}; {mend}.")


def read_config(folder: Path) -> dict:
    """The resolved configuration of a trained system.

    Raises:
        DataError: missing, no YAML, or of something else than a system.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise DataError(f"{path}: no such file; is this the folder of a trained system (exp/tse_...)?")
    config = read_yaml(path)
    options = (*(slots_of(config.get("model"), config.get("extractor")) or AbsTSEModel.slots), "model")
    wanted = ["codec_dir", *(name for option in options for name in (option, f"{option}_conf"))]
    lacking = [name for name in wanted if name not in config]
    if lacking:
        raise DataError(f"{path}: lacks {', '.join(lacking)}; give the folder of a trained system (exp/tse_...).")
    return config


def needs_codec(config: dict) -> bool:
    """Whether the system of a ``config.yaml`` is built on a codec."""
    return getattr(model_choices.classes.get(config["model"]), "needs_codec", True)


def load_model(
    path: Path | str, checkpoint: str | None = None, codec_dir: str | None = None, device: str = "cpu"
) -> AbsTSEModel:
    """Open a trained system in eval mode.

    Args:
        path: ``exp/tse_...`` or a packed archive.
        checkpoint: file name inside the folder; ``valid.loss.ave.pth`` when None.
        codec_dir: overrides where the codec is looked for.
    Raises:
        DataError: a part is missing, the codec is another one than in training, the weights do not fit, or ``device``
            is not there.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise DataError(f"device {device}: PyTorch {torch.__version__} sees no GPU; leave it out to use processors.")
    with opened_folder(path) as folder:
        return load_from_folder(folder, checkpoint or DEFAULT_CHECKPOINT, codec_dir, device)


def load_from_folder(folder: Path, checkpoint: str, codec_dir: str | None, device: str) -> AbsTSEModel:
    """As ``load_model``, of a folder."""
    config = read_config(folder)
    if needs_codec(config):
        config["codec_dir"] = str(codec_dir or find_codec(folder, config["codec_dir"]))
        check_same_codec(read_manifest(folder / "codec_of_training"), read_manifest(config["codec_dir"]))
    if frontend := find_frontend(folder, config):
        config["frontend_conf"]["model_dir"] = str(frontend)
    weights = folder / checkpoint
    name_norm(config, weights)
    try:
        model = build_model(argparse.Namespace(**config))
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(f"{folder / 'config.yaml'}: {error}") from error
    try:
        model.load_state_dict(read_weights(weights, device))
    except DataError:
        raise
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"{weights}: does not fit {folder / 'config.yaml'}; copy both from one training, or give another "
            f"--checkpoint: {error}"
        ) from error
    model = model.to(device).eval()
    return column_major_weights(model) if device == "cpu" else model


def name_norm(config: dict, weights: Path) -> None:
    """Fill in the norm of a speaker ResNet where ``config`` is of the time when there was only batch norm."""
    if config.get("speaker_encoder") != "resnet34" or "norm" in (config.get("speaker_encoder_conf") or {}):
        return
    try:
        names = read_weights(weights, "meta")
    except DataError:
        raise
    except Exception:  # damaged; reported where the weights are fitted
        return
    norm = norm_of(names)
    config["speaker_encoder_conf"] = {**(config.get("speaker_encoder_conf") or {}), "norm": norm}
    if norm == "batch":
        logging.warning(
            f"{weights}: was trained with batch norm, whose statistics are kept as they are; systems trained now have "
            "group norm. Train it again to be without, or add speaker_encoder_conf: {norm: batch} to config.yaml."
        )


def read_weights(path: Path, device: str) -> dict[str, torch.Tensor]:
    """A file of weights.

    Raises:
        DataError: there is none; a damaged one makes PyTorch raise one of many errors.
    """
    if not path.is_file():
        there = sorted(file.name for file in path.parent.glob("*.pth"))
        raise DataError(f"{path}: no such checkpoint; the folder holds: {', '.join(there) or 'none'}.")
    return torch.load(path, map_location=device, weights_only=True)
