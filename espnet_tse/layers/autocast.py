"""Mixed precision where PyTorch's own is not enough."""

import torch
from torch import Tensor


def as_autocast_computes(values: Tensor) -> Tensor:
    """``values`` in the precision of ``torch.autocast`` if that is on and they are on a CPU, else unchanged.

    For inputs of LSTMs. PyTorch (2.11 to 2.15) chooses their kernel by the precision in front of autocast: on
    a CPU without AVX-512 that is oneDNN's, which has none for bfloat16 there and raises RuntimeError. The
    numbers are those that autocast gives where it works.
    """
    if values.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return values
    return values.to(torch.get_autocast_dtype("cpu"))
