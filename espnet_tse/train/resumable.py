"""Whether a training can go on from a checkpoint, found out before anything is written beside it."""

from pathlib import Path

from torch import nn

from espnet_tse.io.scp import DataError
from espnet_tse.train.checkpoint import CHECKPOINT, read_checkpoint

SHOWN = 3  # names of parameters in a message


def check_resumable(folder: Path, model: nn.Module) -> None:
    """Compare names and shapes of the checkpoint in ``folder``, where there is one, with the model's.

    Raises:
        DataError: unreadable, no checkpoint of a training, or one of another model.
    """
    states, checkpoint = read_checkpoint(folder), folder / CHECKPOINT
    if states is None:
        return
    if not isinstance(states, dict) or not isinstance(states.get("model"), dict):
        raise DataError(
            f"{checkpoint} is no checkpoint of a training; remove it to train from the start, or copy a good "
            "one back."
        )
    found = {name: tuple(tensor.shape) for name, tensor in states["model"].items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    odd = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if odd:
        shown = ", ".join(
            f"{name} {found.get(name, '-')} and {wanted.get(name, '-')}" for name in odd[:SHOWN]
        )
        raise DataError(
            f"{checkpoint}: belongs to another model than the configuration: {len(odd)} parameters differ, "
            f"first {shown}; give the configuration it was trained with, or another --output_dir."
        )
