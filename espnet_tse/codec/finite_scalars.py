"""Finite scalar quantization: a vector whose every dimension is rounded to a few levels."""

import math

import torch
from torch import Tensor, nn

SLACK = 1e-3  # the outermost levels are reached before the tanh saturates


class FiniteScalars(nn.Module):
    """D dimensions of L levels each, L^D codes and no table to collapse (arXiv:2309.15505, Sec. 3.1).

    With an even L the levels lie one further below 0 than above; divided by L / 2 they are in [-1, 1).
    """

    def __init__(self, num_levels: int, num_dims: int):
        super().__init__()
        if num_levels < 2 or num_dims < 1:
            raise ValueError(f"want 2 levels and 1 dimension or more, got {num_levels} and {num_dims}.")
        self.num_levels, self.num_dims = num_levels, num_dims
        self.register_buffer("places", num_levels ** torch.arange(num_dims), persistent=False)

    @property
    def num_codes(self) -> int:
        """L^D."""
        return self.num_levels**self.num_dims

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """(..., D) of any size -> levels (..., D) in [-1, 1], with the gradient of the bounded values; codes (...)."""
        half = (self.num_levels - 1) * (1 + SLACK) / 2
        offset = 0.5 if self.num_levels % 2 == 0 else 0.0
        bounded = half * torch.tanh(values + math.atanh(offset / half)) - offset
        levels = bounded + (bounded.round() - bounded).detach()
        codes = ((levels.detach().round().long() + self.num_levels // 2) * self.places).sum(dim=-1)
        return levels / (self.num_levels // 2), codes

    def levels(self, codes: Tensor) -> Tensor:
        """(...) int64 -> (..., D), what ``forward`` gave with these codes."""
        digits = codes[..., None] // self.places % self.num_levels
        return (digits - self.num_levels // 2).float() / (self.num_levels // 2)
