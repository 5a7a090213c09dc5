"""Weights of another toolkit's model as those of ours: which of theirs each of ours is, and in what shape it lies there."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Mapping, Sequence
from zipfile import is_zipfile

import numpy as np
import torch
from torch import Tensor

from espnet_tse.io.checksum import refuse_flipped_bytes
from espnet_tse.io.scp import DataError
from espnet_tse.io.unreadable_weights import reason_of

Shape = tuple[int, ...]

# How a weight lies there: its shape there by its shape here, and the way from there to here.
VIEWS: dict[str, tuple[Callable[[Shape], Shape], Callable[[Tensor], Tensor]]] = {
    "same": (lambda shape: shape, lambda there: there),
    "conv1d": (lambda shape: (*shape, 1), lambda there: there[..., 0]),  # of kernel 1, here a linear layer
    "transposed": (lambda shape: shape[::-1], lambda there: there.T),
    "conv2d": (lambda shape: (*shape, 1, 1), lambda there: there[..., 0, 0]),
    "channels": (lambda shape: (1, *shape, 1), lambda there: there[0, :, 0]),
    "analysis": (lambda shape: (shape[0], 1, shape[1]), lambda there: there[:, 0]),
    "synthesis": (lambda shape: (shape[1], 1, shape[0]), lambda there: there[:, 0].T),
    # Of the norms in TF-GridNet's attention: gamma (1, H, W, 1, F) here (H, 1, F, W); (1, C, 1, F) here (F, C).
    "head_norm": (
        lambda s: (1, s[0], s[3], 1, s[2]),
        lambda there: there[0, :, :, 0].transpose(1, 2)[:, None],
    ),
    "map_norm": (lambda s: (1, s[1], 1, s[0]), lambda there: there[0, :, 0].T),
}


@dataclass(frozen=True)
class Source:
    """Where one of our weights comes from."""

    name: str  # theirs
    view: str = "same"  # of ``VIEWS``


def pair(ours: str, there: str) -> dict[str, Source]:
    """Weight and bias of a layer that lies there as here."""
    return {f"{ours}.{kind}": Source(f"{there}.{kind}") for kind in ("weight", "bias")}


@dataclass(frozen=True)
class WeightMap:
    """All of a model's weights."""

    sources: Mapping[str, Source]  # by our name
    # Ours that have no single counterpart, made of the weights that ``needed`` names, with their shapes.
    made: Mapping[str, Callable[[Mapping[str, Tensor]], Tensor]]
    needed: Mapping[str, Shape]
    unused: frozenset[str] = frozenset()  # theirs that are in no output of theirs either; they may be there

    def translated(
        self, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path
    ) -> dict[str, Tensor]:
        """Our state dict.

        Args:
            state: theirs, of ``path``.
            wanted: ours as the model has it, for names and shapes.
        Raises:
            DataError: weights are missing, unknown or of another shape; all are listed by their names there.
        """
        shapes = {
            source.name: VIEWS[source.view][0](tuple(wanted[ours].shape))
            for ours, source in self.sources.items()
        } | dict(self.needed)
        faults = [f"missing {name}" for name in shapes if name not in state]
        faults += [f"unknown {name}" for name in state if name not in shapes and name not in self.unused]
        faults += [
            f"{name} is {tuple(state[name].shape)} and should be {shape}"
            for name, shape in shapes.items()
            if name in state and tuple(state[name].shape) != shape
        ]
        if faults:
            raise DataError(
                f"{path}: does not fit its configuration: {'; '.join(faults)}. Take both from one training."
            )
        found = {ours: VIEWS[source.view][1](state[source.name]) for ours, source in self.sources.items()}
        found |= {ours: make(state) for ours, make in self.made.items()}
        assert set(found) == set(wanted), set(found) ^ set(wanted)
        return {ours: found[ours].to(wanted[ours]).contiguous() for ours in wanted}


def read_state(path: Path, wrappers: Sequence[str] = ("model", "state_dict")) -> dict[str, Tensor]:
    """The state dict in a file of ``torch.save``, of which nothing is executed.

    Args:
        wrappers: keys under which it may stand; beside it anything may stand that is no program.
    Raises:
        DataError: missing, unreadable, or without a state dict.
    """
    return state_of(read_content(path), path, wrappers)


def read_content(path: Path, named: str | None = None) -> Any:
    """All that is in a file of ``torch.save``, of which nothing is executed.

    Args:
        named: a module whose classes may be named in it; they are not read, and ``Named`` stands for each of them.
    Raises:
        DataError: missing or unreadable.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; fix the path.")
    refuse_flipped_bytes(path)
    try:
        with torch.serialization.safe_globals([*numpy_arrays(), *paths(), *classes_of(named, path)]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"{path}: not readable as weights ({reason_of(error)}); fetch or copy the file again."
        ) from error


def state_of(content: Any, path: Path, wrappers: Sequence[str]) -> dict[str, Tensor]:
    """The state dict in what was read of ``path``; arguments as of ``read_state``."""
    for wrapper in wrappers:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise DataError(f"{path}: holds no state dict of tensors; name the file of the model's weights.")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


class Named:
    """Stands for a class that a checkpoint's settings name."""


def classes_of(module: str | None, path: Path) -> list[Any]:
    """The classes of a module, in whatever package it was, that a file names."""
    if module is None or not is_zipfile(path):
        return []
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return [(Named, name) for name in names if module in name.split(".")[:-1]]


def paths() -> list[Any]:
    """Paths in a checkpoint's settings: PyTorch Lightning keeps what a model was built with."""
    return [(PurePosixPath, f"pathlib.{kind}") for kind in ("PosixPath", "PurePosixPath", "WindowsPath")]


def numpy_arrays() -> list[Any]:
    """What reading a numpy array out of a pickle needs: checkpoints keep the state of numpy's generator."""
    from numpy._core import multiarray

    kinds = [type(np.dtype(name)) for name in ("uint32", "float32", "float64", "int64")]
    rebuild = multiarray._reconstruct
    # Of numpy 2, and under its name in numpy 1.
    return [rebuild, (rebuild, "numpy.core.multiarray._reconstruct"), np.ndarray, np.dtype, *kinds]
