"""Masks of padded batches."""

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, max_length: int) -> Tensor:
    """Mask of the padded positions.

    Args:
        lengths: (B,) int64, valid positions a row.
        max_length: T, the padded length.
    Returns:
        (B, T) bool, True at padding.
    """
    return torch.arange(max_length, device=lengths.device)[None] >= lengths[:, None]


def valid_mask(lengths: Tensor, max_length: int) -> Tensor:
    """(B, T) bool, True where a position is valid; the complement of ``padding_mask``."""
    return ~padding_mask(lengths, max_length)
