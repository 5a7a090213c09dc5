"""Files of weights, which are opened only if they are those that were written."""

import json
from pathlib import Path

import torch

from espnet_tse.io.checksum import check_checksum, kept_checksum, refuse_flipped_bytes
from espnet_tse.io.scp import DataError
from espnet_tse.schema.manifest import MANIFEST

DEFAULT_CHECKPOINT = "valid.loss.ave.pth"


def read_weights(path: Path, device: str) -> dict[str, torch.Tensor]:
    """A file of weights.

    Args:
        device: ``meta`` for names and shapes alone, without the check.
    Raises:
        DataError: there is none, it is empty, it is not the one whose hash is kept with it, or, without a hash, a byte of it was
            flipped; one that is damaged otherwise makes PyTorch raise one of many errors.
    """
    if not path.is_file():
        there = sorted(file.name for file in path.parent.glob("*.pth"))
        raise DataError(f"{path}: no such checkpoint; the folder holds: {', '.join(there) or 'none'}.")
    if path.stat().st_size == 0:
        raise DataError(
            f"{path}: is empty, 0 bytes; copy it again, or go on with the training that writes it."
        )
    if device != "meta":
        if kept := kept_checksum(path) or packed_checksum(path):
            check_checksum(path, *kept)
        else:
            refuse_flipped_bytes(path)
    return torch.load(path, map_location=device, weights_only=True)


def packed_checksum(path: Path) -> tuple[str, Path] | None:
    """The hash that a packed system says its weights have, and where it says so; None where nothing is said.

    Raises:
        DataError: the manifest cannot be read, or says something else than a hash.
    """
    manifest = path.parent / MANIFEST
    if path.name != DEFAULT_CHECKPOINT or not manifest.is_file():
        return None
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{manifest}: no JSON ({error}); pack or fetch the system again.") from None
    if not isinstance(content, dict):
        raise DataError(
            f"{manifest}: holds {json.dumps(content)[:40]}, want an object; pack or fetch the system again."
        )
    said = content.get("weights_sha256")
    if said is not None and not isinstance(said, str):
        raise DataError(
            f"{manifest}: weights_sha256 is {said!r}, want a hash; pack or fetch the system again."
        )
    return None if said is None else (said, manifest)
