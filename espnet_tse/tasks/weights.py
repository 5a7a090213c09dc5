"""Files of weights."""

from pathlib import Path

import torch

from espnet_tse.io.scp import DataError


def read_weights(path: Path, device: str) -> dict[str, torch.Tensor]:
    """A file of weights.

    Raises:
        DataError: there is none; a damaged one makes PyTorch raise one of many errors.
    """
    if not path.is_file():
        there = sorted(file.name for file in path.parent.glob("*.pth"))
        raise DataError(f"{path}: no such checkpoint; the folder holds: {', '.join(there) or 'none'}.")
    return torch.load(path, map_location=device, weights_only=True)
