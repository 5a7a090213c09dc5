"""Names of devices as users give them."""

import re

import torch

from espnet_tse.io.scp import DataError

# PyTorch knows others, for which most installations are not built and on which no system here has been run.
NAME = re.compile(r"cpu|cuda(?::(0|[1-9][0-9]*))?")


def check_device(device: str) -> None:
    """Raise DataError for a name that is none of cpu, cuda and cuda:N, or a GPU that is not there."""
    name = NAME.fullmatch(str(device))
    if name is None:
        raise DataError(f"device {device}: no such device; want cpu, cuda, or cuda:N for GPU N.")
    if name[0] == "cpu":
        return
    if not torch.cuda.is_available():
        raise DataError(
            f"device {device}: PyTorch {torch.__version__} sees no GPU; leave it out to use processors."
        )
    if int(name[1] or 0) >= torch.cuda.device_count():
        raise DataError(
            f"device {device}: PyTorch sees {torch.cuda.device_count()} GPUs, counted from 0; name one of these."
        )
