"""Joining spans of different length to one sequence a row."""

import torch
from torch import Tensor


def join_left_padded(spans: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Concatenate spans row by row without gaps, padding in front.

    Padding in front lets the last position of every row share one index, so what follows (codes,
    decoding steps) needs no bookkeeping a row, and distances inside a row stay those of the row alone.

    Args:
        spans: pairs of values (B, T_i, D) and padding masks (B, T_i) bool, True at padding.
    Returns:
        values (B, L, D), zeros at padding; padding mask (B, L); L is the longest row, in training on GPUs the
        sum of all T_i: the host would have to wait for the lengths.
    """
    values = torch.cat([value for value, _ in spans], dim=1)
    padding = torch.cat([mask for _, mask in spans], dim=1)
    # A stable sort of the validity moves padding to the front and keeps the order of the rest.
    order = torch.sort((~padding).to(torch.uint8), dim=1, stable=True).indices
    if not (values.is_cuda and torch.is_grad_enabled()):
        length = int((~padding).sum(dim=1).max())
        order = order[:, values.size(1) - length :]
    joined_padding = padding.gather(1, order)
    joined = values.gather(1, order[..., None].expand(-1, -1, values.size(2)))
    return joined.masked_fill(joined_padding[..., None], 0.0), joined_padding
