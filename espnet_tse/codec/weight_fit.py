"""Whether weights of a file are those of a model, name by name."""

from pathlib import Path

from torch import Tensor

from espnet_tse.io.scp import DataError


def check_fit(state: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> None:
    """Refuse weights that do not fit one to one.

    Raises:
        DataError: lists every missing, unexpected and differently shaped tensor.
    """
    faults = [f"missing {name}" for name in wanted if name not in state]
    faults += [f"unexpected {name}" for name in state if name not in wanted]
    faults += [
        f"{name} is {tuple(state[name].shape)} and should be {tuple(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    if faults:
        raise DataError(f"{path}: does not fit its config.yaml: {'; '.join(faults)}.")
