"""Sinusoidal tables: absolute positions, relative distances and rotary angles."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


def sinusoid(positions: Tensor, dim: int) -> Tensor:
    """Interleaved sin(p * w_c), cos(p * w_c) with w_c = 10000^(-2c / dim) (arXiv:1706.03762, Sec. 3.5).

    Args:
        positions: (...,) any real numbers, in frames.
        dim: D, even.
    Returns:
        (..., D) float32.
    """
    if dim % 2:
        raise ValueError(f"a sinusoidal table wants an even width, got {dim}.")
    rates = torch.exp(torch.arange(0, dim, 2, device=positions.device) * (-math.log(10000.0) / dim))
    angles = positions.to(torch.float32)[..., None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class Rotation(NamedTuple):
    """What rotary positions turn by; the same for every layer."""

    cos: Tensor  # (B, 1, L, D / 2) float32
    sin: Tensor  # (B, 1, L, D / 2) float32


def rotation(positions: Tensor, dim: int) -> Rotation:
    """Of rotary position embeddings (arXiv:2104.09864, Eq. 34).

    Args:
        positions: (B, L) real numbers; only their differences reach the attention scores.
        dim: D of a head, even.
    """
    half = dim // 2
    rates = torch.exp(torch.arange(half, device=positions.device) * (-math.log(10000.0) / half))
    angles = (positions.to(torch.float32)[:, None, :, None] * rates).to(torch.float32)
    return Rotation(angles.cos(), angles.sin())


def rotate(values: Tensor, by: Rotation) -> Tensor:
    """Queries or keys (..., B, H, L, D) in their own type, their halves rotated against each other."""
    cos, sin = by.cos.to(values.dtype), by.sin.to(values.dtype)
    first, second = values.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
