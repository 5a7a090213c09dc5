"""Running a function on the rows of a padded batch, a group of equal lengths at a time."""

from typing import Callable

import torch
from torch import Tensor


def map_equal_length(
    function: Callable[[Tensor], Tensor], values: Tensor, lengths: Tensor, dim: int = 1
) -> list[Tensor]:
    """Apply ``function`` to rows trimmed to their own length; rows of one length share a call.

    Whole-utterance norms, recurrent layers and reflect padding see the padding of a batch (a row of
    1 s padded to 2 s changes by 28 %), so a codec never gets a padded row.

    Args:
        function: (b, ..., length, ...) -> (b, ...); row i of the result belongs to row i of its input.
        values: (B, ...) padded along ``dim``.
        lengths: (B,) int64, valid positions a row.
        dim: the padded dimension, 1 or higher.
    Returns:
        B results in the order of the rows, each without the batch dimension.
    Raises:
        ValueError: a length is below 1 or above the padded length.
    """
    total = values.size(dim)
    if lengths.numel() != values.size(0) or lengths.min() < 1 or lengths.max() > total:
        raise ValueError(
            f"lengths {lengths.tolist()} do not fit {values.size(0)} rows padded to {total}; "
            f"each wants 1 .. {total} (an empty signal has no codes)."
        )
    results: list[Tensor | None] = [None] * values.size(0)
    for length in torch.unique(lengths).tolist():
        rows = torch.nonzero(lengths == length).flatten()
        outputs = function(values[rows].narrow(dim, 0, length))
        for row, output in zip(rows.tolist(), outputs):
            results[row] = output
    return results
