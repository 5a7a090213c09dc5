"""A tokenizer or an autoencoder on disk: a folder with config.yaml, model.pth and manifest.json."""

from dataclasses import asdict
from pathlib import Path

import torch
import yaml

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.bicodec import BiCodec
from espnet_tse.codec.funcodec import FunCodec
from espnet_tse.codec.manifest import make_manifest, verify_identity
from espnet_tse.codec.mel_vocoder import MelVocoder
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec
from espnet_tse.codec.spectral_codec import SpectralCodec
from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE
from espnet_tse.codec.units import CepstralUnits, SSLUnits
from espnet_tse.io.choices import Choices
from espnet_tse.io.files import atomic_write, write_json, write_tensors
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml, without_tuples
from espnet_tse.schema.manifest import read_manifest

codec_choices = Choices(
    "codec",
    funcodec=FunCodec,
    spectral=SpectralCodec,
    spectral_bicodec=SpectralBiCodec,
    bicodec=BiCodec,
    cepstral_units=CepstralUnits,
    ssl_units=SSLUnits,
    time_frequency_vae=TimeFrequencyVAE,
    mel_vocoder=MelVocoder,
)


def load_codec(folder: Path | str, device: str | torch.device = "cpu") -> AbsIdentified:
    """Open a codec folder, frozen and in eval mode, after checking its identity.

    Raises:
        DataError: a file is missing or unreadable, the weights do not fit the configuration, or they are
            not those of the manifest.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    config = read_codec_config(folder / "config.yaml")
    try:
        codec = codec_choices.build(config["codec"], config.get("codec_conf") or {})
    except ValueError as error:
        raise DataError(f"{folder / 'config.yaml'}: {error}") from error
    load_weights(codec, folder / "model.pth", folder / "config.yaml")
    codec.requires_grad_(False).eval()
    verify_identity(codec, manifest)
    return codec.to(device)


def read_codec_config(path: Path | str) -> dict:
    """The YAML of a codec; it wants at least ``codec``.

    Raises:
        DataError: missing, no YAML mapping, or without ``codec``.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; a codec folder holds config.yaml, model.pth and manifest.json."
        )
    config = read_yaml(path)
    if "codec" not in config:
        raise DataError(f"{path}: names no codec; want 'codec: {' | '.join(sorted(codec_choices.classes))}'.")
    return config


def load_weights(codec: AbsIdentified, path: Path, config_path: Path) -> None:
    """Load a state dict strictly.

    Raises:
        DataError: missing file, or keys and shapes that do not fit; all of them are listed.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; train (codec_train) or import (import_codec) the codec.")
    try:
        codec.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"{path}: does not fit {config_path}; copy both from one codec, or train or import it again: "
            f"{error}"
        ) from error


def save_codec(folder: Path | str, codec: AbsIdentified, config: dict, licence: str, training: dict) -> dict:
    """Write a codec folder; the manifest comes last, so a folder with one is complete.

    Args:
        codec: in any mode; written as it is.
        config: at least ``codec`` and ``codec_conf``; defaults are written out.
        licence: of the weights.
        training: how they came about.
    Returns:
        the manifest.
    """
    folder = Path(folder)
    mode = codec.training
    codec.eval()
    try:
        manifest = make_manifest(codec, config["codec"], licence, training)
    finally:
        codec.train(mode)
    resolved = {**config, "codec_conf": without_tuples(asdict(codec.config))}
    with atomic_write(folder / "config.yaml") as file:
        yaml.safe_dump(resolved, file, sort_keys=False)
    write_tensors(
        folder / "model.pth", {name: tensor.detach().cpu() for name, tensor in codec.state_dict().items()}
    )
    write_json(folder / "manifest.json", manifest)
    return manifest
