"""The straight path between two points, and the times at which a flow is trained on it."""

import torch
from torch import Tensor


def point_at(time: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """X_t = (1 - t) x_0 + t x_1 (arXiv:2603.12837, Eq. 12); its velocity is x_1 - x_0 at every t.

    Args:
        time: (B,) in [0, 1].
        start, end: (B, T, D).
    """
    return torch.lerp(start, end, time[:, None, None])


def draw_times(
    number: int, at_start: float, like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """(number,) times: 0 with probability ``at_start``, else uniform in [0, 1).

    A single step from x_0 asks for the velocity at t = 0 alone, of which uniform times see little.

    Args:
        generator: of the draws; the global one when None.
    """
    times, zero = torch.rand(2, number, device=like.device, generator=generator)
    return times.masked_fill(zero < at_start, 0.0)
