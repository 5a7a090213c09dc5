"""The mean of a batch that does not depend on how its rows are divided."""

import torch
from torch import Tensor


def mean_over_time(values: Tensor, lengths: Tensor, rows: Tensor | None = None) -> Tensor:
    """Mean of a value a row by the rows' lengths: that of parts of the batch, by their lengths, is the same.

    Args:
        values: (B,).
        lengths: (B,).
        rows: (B,) bool, those that count; None for all. The others are 0 with a gradient of 0, and are divided by none
            the less, or a row would weigh the more the fewer stand beside it.
    Returns:
        scalar.
    """
    if rows is not None:
        values = torch.where(rows, values, torch.zeros_like(values))
    return (values * lengths).sum() / lengths.sum()
