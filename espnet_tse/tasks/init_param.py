"""Weights of ``--init_param``, read as tensors and nothing else; ESPnet's way runs whatever a file holds."""

import logging
import pickle
from pathlib import Path

import torch
from torch import nn

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.weights import read_weights

SHOWN = 3  # names in a message


def start_from_weights(init_param: str, model: nn.Module, ignore_init_mismatch: bool = False) -> None:
    """Load a file of weights, or a part of it, into a model, or into a part of it; all others stay.

    Args:
        init_param: ``file[:source[:target[:excluded,...]]]``: the weights whose names begin with ``source.``, but for
            those that begin with a name of ``excluded``, go to the part ``target``.
        ignore_init_mismatch: leave out, with a warning, what the part does not have or has in another shape.
    Raises:
        DataError: no such file, not the one whose hash is kept with it, or one that holds other things than tensors; a
            part that is not there; names or shapes that do not fit.
    """
    where, words = f"--init_param {init_param}", init_param.split(":")
    if len(words) > 4:
        raise DataError(
            f"{where}: want FILE:SOURCE:TARGET:EXCLUDED, of which the last three may be left out."
        )
    path, source, target, excluded = words + [""] * (4 - len(words))
    weights = part_of(tensors_in(Path(path), where), source, excluded, where)
    try:
        module = model.get_submodule(target)
    except AttributeError:
        parts = ", ".join(name for name, _ in model.named_children())
        raise DataError(f"{where}: the model has no part '{target}'; it has {parts}.") from None
    state = module.state_dict()
    odd = [name for name, value in weights.items() if name not in state or state[name].shape != value.shape]
    if odd:
        shown = ", ".join(
            f"{name} {tuple(weights[name].shape)} and {tuple(state[name].shape) if name in state else '-'}"
            for name in odd[:SHOWN]
        )
        message = f"{where}: {len(odd)} of {len(weights)} weights do not fit the model, first {shown}"
        if not ignore_init_mismatch:
            raise DataError(
                f"{message}; name the parts that fit (FILE:SOURCE:TARGET), or --ignore_init_mismatch true."
            )
        logging.warning(f"{message}; they are left out")
    module.load_state_dict(state | {name: value for name, value in weights.items() if name not in odd})


def tensors_in(path: Path, where: str) -> dict[str, torch.Tensor]:
    """Name -> tensor of a file."""
    try:
        weights = read_weights(path, "cpu")
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except pickle.UnpicklingError as error:
        cause = str(error).splitlines()[0]
        raise DataError(
            f"{where}: {path} holds other things than tensors, or is damaged, and is not opened: such a file can run "
            f"programs ({cause}). Save its weights alone: torch.save(model.state_dict(), ...)."
        ) from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise DataError(f"{where}: {path} cannot be read ({error}); copy it again.") from error
    if isinstance(weights, dict) and isinstance(weights.get("module"), dict):
        weights = weights["module"]  # as DeepSpeed saves
    if not isinstance(weights, dict) or not all(
        isinstance(value, torch.Tensor) for value in weights.values()
    ):
        raise DataError(
            f"{where}: {path} holds no weights by name; of a training take valid.loss.ave.pth, not checkpoint.pth."
        )
    return weights


def part_of(weights: dict, source: str, excluded: str, where: str) -> dict:
    """The weights of a part, by their names in it."""
    without = tuple(filter(None, excluded.split(",")))
    prefix = source and f"{source}."
    part = {
        name[len(prefix) :]: value
        for name, value in weights.items()
        if name.startswith(prefix) and not (without and name.startswith(without))
    }
    if not part:
        parts = ", ".join(sorted({name.split(".")[0] for name in weights}))
        raise DataError(f"{where}: no weights of '{source}' in the file; it has {parts}.")
    return part
