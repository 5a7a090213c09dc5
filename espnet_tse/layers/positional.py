"""Sinusoidal tables: absolute positions, relative distances and rotary angles."""

import math

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


def rotate(values: Tensor, positions: Tensor) -> Tensor:
    """Rotary position embedding (arXiv:2104.09864, Eq. 34), halves rotated against each other.

    Args:
        values: (B, H, L, D) queries or keys, D even.
        positions: (B, L) real numbers; only their differences reach the attention scores.
    Returns:
        (B, H, L, D) in the type of ``values``.
    """
    half = values.size(-1) // 2
    rates = torch.exp(torch.arange(half, device=values.device) * (-math.log(10000.0) / half))
    angles = (positions.to(torch.float32)[:, None, :, None] * rates).to(torch.float32)
    cos, sin = angles.cos().to(values.dtype), angles.sin().to(values.dtype)
    first, second = values[..., :half], values[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
