"""Samplers of a diffusion: from noise to data in few steps; each gives the state after every step."""

from typing import Callable, Iterator

import torch
from torch import Tensor

from espnet_tse.flow.noise_schedule import NoiseSchedule, Rates, data_of, noise_of

Velocity = Callable[[Tensor, int], Tensor]  # (x_t, t) -> v
Draw = Callable[[], Tensor]  # noise of the state's shape, another one at each call


def ddim(
    velocity: Velocity, start: Tensor, number: int, schedule: NoiseSchedule, eta: float, draw: Draw
) -> Iterator[Tensor]:
    """x_p = r_p x_0 + sqrt(q_p^2 - s^2) eps + s z (DDIM, arXiv:2010.02502, Eq. 12).

    Args:
        start: noise.
        number: of steps.
        eta: 0 draws nothing, 1 is the ancestral sampler; s = eta q_p / q_t sqrt(1 - r_t^2 / r_p^2).
    """
    state = start
    for rates, following, step in trajectory(schedule, number, start):
        predicted = velocity(state, step)
        data, noise = data_of(state, predicted, rates), noise_of(state, predicted, rates)
        spread = eta * following.noise / rates.noise * (1 - (rates.signal / following.signal).square()).sqrt()
        state = (
            following.signal * data + (following.noise.square() - spread.square()).clamp_min(0).sqrt() * noise
        )
        if eta > 0:
            state = state + spread * draw()
        yield state


def dpm_solver(
    velocity: Velocity, start: Tensor, number: int, schedule: NoiseSchedule, eta: float, draw: Draw
) -> Iterator[Tensor]:
    """DPM-Solver++ (2M) in the data (arXiv:2211.01095, Algorithm 2); nothing is drawn.

    First and last step are of first order: at neither end is log(r / q) a number.
    """
    state, before, last_width = start, None, None
    for rates, following, step in trajectory(schedule, number, start):
        data = data_of(state, velocity(state, step), rates)
        width = log_ratio(following) - log_ratio(rates)
        extrapolated = data
        if before is not None and following.noise > 0:
            share = width / (2 * last_width)
            extrapolated = (1 + share) * data - share * before
        state = following.noise / rates.noise * state - following.signal * torch.expm1(-width) * extrapolated
        before, last_width = data, width
        yield state


SAMPLERS = {"ddim": ddim, "dpm_solver": dpm_solver}


def trajectory(schedule: NoiseSchedule, number: int, like: Tensor) -> Iterator[tuple[Rates, Rates, int]]:
    """Rates of each step and of the one that follows, and the step's number."""
    steps = schedule.sampling_steps(number)
    for step, following in zip(steps, [*steps[1:], -1]):
        yield schedule.at(step, like), schedule.at(following, like), step


def log_ratio(rates: Rates) -> Tensor:
    """log(r / q), half the logarithm of the signal-to-noise ratio; infinite at both ends."""
    return rates.signal.log() - rates.noise.log()
