"""The times t and s >= t between which a flow of the average velocity is trained."""

import torch
from torch import Tensor


def draw_intervals(
    starts: Tensor, at_start: float, instant: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """One interval a row: of decoding's single step, of no length, or any.

    A single step asks for u(x, start, 1) alone, of which uniform times see nothing; what it is worth rests on
    intervals of no length, whose target is no estimate, and on those between.

    Args:
        starts: (B,) where decoding begins.
        at_start: share of rows with t = start and s = 1.
        instant: share of rows with s = t, uniform in [0, 1).
        generator: of the draws; the global one when None.
    Returns:
        t and s, (B,) each; those of the other rows are two uniform times in their order.
    """
    kind, first, second = torch.rand(3, len(starts), device=starts.device, generator=generator)
    time, end = torch.minimum(first, second), torch.maximum(first, second)
    decoded, still = kind < at_start, (kind >= at_start) & (kind < at_start + instant)
    time = torch.where(decoded, starts, torch.where(still, first, time))
    return time, torch.where(decoded, 1.0, torch.where(still, first, end))
