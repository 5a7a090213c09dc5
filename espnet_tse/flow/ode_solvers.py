"""Solvers of dx/dt = v(x, t) from t = 0 to 1 in steps of one length; each gives the state after every step."""

from typing import Callable, Iterator

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # (B, T, D) and times (B,) -> (B, T, D)


def euler(velocity: Velocity, state: Tensor, num_steps: int) -> Iterator[Tensor]:
    """x <- x + v(x, t) / n; one evaluation a step."""
    for step in range(num_steps):
        state = state + velocity(state, times(state, step / num_steps)) / num_steps
        yield state


def midpoint(velocity: Velocity, state: Tensor, num_steps: int) -> Iterator[Tensor]:
    """x <- x + v(x + v(x, t) / 2n, t + 1/2n) / n; two evaluations a step, second order."""
    for step in range(num_steps):
        halfway = state + velocity(state, times(state, step / num_steps)) / (2 * num_steps)
        state = state + velocity(halfway, times(state, (step + 0.5) / num_steps)) / num_steps
        yield state


def times(state: Tensor, time: float) -> Tensor:
    """(B,) of one time."""
    return torch.full(state.shape[:1], time, device=state.device)


SOLVERS = {"euler": euler, "midpoint": midpoint}
EVALUATIONS = {"euler": 1, "midpoint": 2}  # a step
