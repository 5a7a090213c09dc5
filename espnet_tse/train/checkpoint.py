"""Checkpoints that survive a kill and a full disk: written aside, synced, renamed; the one before is kept."""

import datetime
import logging
import os
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import numpy as np
import torch

from espnet_tse.io.checksum import refuse_flipped_bytes
from espnet_tse.io.files import write_tensors
from espnet_tse.io.scp import DataError

CHECKPOINT, PREVIOUS = "checkpoint.pth", "checkpoint.previous.pth"

# What ESPnet's reporter stores beside tensors: durations and numpy numbers. None of them runs code.
PLAIN_TYPES = [
    datetime.timedelta,
    defaultdict,
    dict,
    np._core.multiarray.scalar,
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
]


class CheckpointError(DataError):
    """A checkpoint cannot be written, read, or continued."""


def write_weights(path: Path, content: dict) -> None:
    """``write_tensors`` for a training, which can go on from what it saved before.

    Raises:
        CheckpointError: no space, no permission; ``path`` keeps what it held.
    """
    with refusing(path):
        write_tensors(path, content)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Where the block cannot write, raise a CheckpointError that says how to go on."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}); what was saved before is whole. "
            "Make room and start the same command again: it goes on from there."
        ) from error


def save_checkpoint(folder: Path, states: dict) -> None:
    """Write ``checkpoint.pth``; the one that stood there becomes ``checkpoint.previous.pth``.

    Raises:
        CheckpointError: it cannot be written; both keep what they held.
    """
    fresh = folder / f"{CHECKPOINT}.new"
    write_weights(fresh, states)
    # A kill between the two renames leaves the previous one, from which the same result is reached.
    if (folder / CHECKPOINT).exists():
        os.replace(folder / CHECKPOINT, folder / PREVIOUS)
    os.replace(fresh, folder / CHECKPOINT)


def has_checkpoint(folder: Path) -> bool:
    """Whether a training in ``folder`` goes on, and does not begin."""
    return any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS))


def read_checkpoint(folder: Path) -> dict | None:
    """States of the last whole checkpoint, on processors; None where there is none.

    A damaged ``checkpoint.pth`` is passed over for ``checkpoint.previous.pth``, with a warning.

    Raises:
        CheckpointError: there are checkpoints and none can be read.
    """
    faults = []
    for path in (folder / CHECKPOINT, folder / PREVIOUS):
        if not path.exists():
            continue
        try:
            refuse_flipped_bytes(path)
            with torch.serialization.safe_globals(PLAIN_TYPES):
                states = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            faults.append(f"{path} cannot be read ({first_line(error)})")
            continue
        if faults:
            logging.warning(f"{faults[0]}; going on from the one before it, {path}")
        return states
    if faults:
        raise CheckpointError(
            f"{'; '.join(faults)}; remove it to train from the start, or copy a good one back."
        )
    return None


def first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
