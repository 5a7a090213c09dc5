"""Targets of the average velocity, against a flow whose average velocity is known."""

import pytest
import torch
from torch import Tensor

from espnet_tse.flow.average_velocity import consistency_target, identity_target

SPREADS = (1.0, 0.4)  # standard deviations of x_0 and x_1, independent Gaussians with mean 0
SHIFT = 2.0  # of x_1


def spread(time: Tensor) -> Tensor:
    """Standard deviation of x_t = (1 - t) x_0 + t x_1."""
    return ((1 - time).square() * SPREADS[0] ** 2 + time.square() * SPREADS[1] ** 2).sqrt()


def marginal_velocity(state: Tensor, time: Tensor) -> Tensor:
    """E[x_1 - x_0 | x_t]: the drift of the mean, and spread' / spread of what is around it."""
    time = time[:, None, None]
    slope = (time * SPREADS[1] ** 2 - (1 - time) * SPREADS[0] ** 2) / spread(time).square()
    return SHIFT + slope * (state - SHIFT * time)


def oracle(state: Tensor, time: Tensor, end: Tensor) -> Tensor:
    """(x_s - x_t) / (s - t) with x_s - mu_s = spread_s / spread_t (x_t - mu_t), which curves; v where s = t."""
    t, s = time[:, None, None], end[:, None, None]
    around = state - SHIFT * t
    arrived = SHIFT * s + spread(s) / spread(t) * around
    width = torch.where(s > t, s - t, 1.0)
    return torch.where(s > t, (arrived - state) / width, marginal_velocity(state, time))


def drawn(number: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """Points and intervals."""
    generator = torch.Generator().manual_seed(0)
    time, end = torch.rand(2, number, dtype=torch.float64, generator=generator).sort(dim=0).values
    return torch.randn(number, 1, 1, dtype=torch.float64, generator=generator), time, end


def test_the_oracle_is_the_average_of_its_velocity_and_no_straight_line():
    state, time, end = drawn()
    steps, position = 2000, state
    for step in range(steps):
        now = time + (end - time) * (step + 0.5) / steps
        halfway = position + ((end - time) / (2 * steps))[:, None, None] * marginal_velocity(position, now)
        position = position + ((end - time) / steps)[:, None, None] * marginal_velocity(halfway, now)
    average = (position - state) / (end - time)[:, None, None]
    torch.testing.assert_close(average, oracle(state, time, end), rtol=1e-3, atol=1e-3)
    assert (average - marginal_velocity(state, time)).abs().mean() > 0.1


def test_the_identity_holds_for_the_oracle_and_not_with_the_other_sign():
    state, time, end = drawn()
    speed = marginal_velocity(state, time)
    target = identity_target(oracle, state, speed, time, end)
    torch.testing.assert_close(target, oracle(state, time, end))
    wrong = 2 * speed - target  # v - (s - t) du/dt, of a flow whose time runs backwards
    assert (wrong - oracle(state, time, end)).abs().mean() > 0.1


def test_in_the_mean_over_single_paths_the_target_is_the_average_velocity_of_the_flow():
    """So the gradient of the squared error vanishes at the oracle, in expectation."""
    number, generator = 400_000, torch.Generator().manual_seed(0)
    start, end_point = torch.randn(2, number, 1, 1, dtype=torch.float64, generator=generator)
    start, end_point = SPREADS[0] * start, SHIFT + SPREADS[1] * end_point
    time, end = torch.full((number,), 0.3).double(), torch.full((number,), 0.9).double()
    state, speed = 0.7 * start + 0.3 * end_point, end_point - start
    error = oracle(state, time, end) - identity_target(oracle, state, speed, time, end)
    wrong = oracle(state, time, end) - (2 * speed - identity_target(oracle, state, speed, time, end))
    features = torch.cat([torch.ones_like(state), state, state.square()], dim=1)
    gradient, backwards = ((part * features).mean(dim=0).abs().max() for part in (error, wrong))
    assert gradient < 0.01 < 0.1 < backwards


def test_the_slope_is_that_of_finite_differences():
    state, time, end = drawn()
    speed, step = torch.randn_like(state), 1e-6

    def network(state: Tensor, time: Tensor, end: Tensor) -> Tensor:
        return (3 * state * time[:, None, None]).sin() + state.square() * end[:, None, None]

    ahead = network(state + step * speed, time + step, end)
    behind = network(state - step * speed, time - step, end)
    expected = speed + (end - time)[:, None, None] * (ahead - behind) / (2 * step)
    torch.testing.assert_close(
        identity_target(network, state, speed, time, end), expected, rtol=1e-6, atol=1e-6
    )


def test_consistency_approaches_the_oracle_as_its_first_step_shortens():
    state, time, end = drawn()
    speed, errors = marginal_velocity(state, time), []
    for alpha in (0.1, 0.05, 0.025):
        target = consistency_target(oracle, state, speed, time, end, alpha)
        errors.append((target - oracle(state, time, end)).abs().mean().item())
    assert errors[0] < 0.1
    for coarse, fine in zip(errors, errors[1:]):
        assert coarse / fine == pytest.approx(4.0, rel=0.1)  # second order
    # A step against the velocity is no approximation.
    step = 0.025 * (end - time)
    astray = 0.025 * speed + 0.975 * oracle(state - step[:, None, None] * speed, time + step, end)
    assert (astray - oracle(state, time, end)).abs().mean() > 10 * errors[-1]


def test_consistency_is_exact_where_the_first_span_has_its_own_average():
    state, time, end = drawn()
    middle = time + 0.4 * (end - time)
    first = oracle(state, time, middle)
    torch.testing.assert_close(
        consistency_target(oracle, state, first, time, end, 0.4), oracle(state, time, end)
    )


def test_without_an_interval_the_target_is_the_velocity():
    state, time, _ = drawn()
    speed = torch.randn_like(state)
    torch.testing.assert_close(identity_target(oracle_of_intervals, state, speed, time, time), speed)
    # Whatever the network says at (x, t, t) counts by 1 - alpha: training asks nothing there.
    still = consistency_target(lambda *_: speed, state, speed, time, time, 0.1)
    torch.testing.assert_close(still, speed)


def oracle_of_intervals(state: Tensor, time: Tensor, end: Tensor) -> Tensor:
    return state * (1 + time + end)[:, None, None]


def test_alpha_of_one_is_flow_matching_and_asks_no_network():
    state, time, end = drawn()
    speed = torch.randn_like(state)
    assert torch.equal(consistency_target(None, state, speed, time, end, 1.0), speed)


def test_targets_have_no_gradient_and_take_no_half_precision():
    layer = torch.nn.Linear(1, 1).double()
    state, time, end = drawn(5)

    def network(state: Tensor, time: Tensor, end: Tensor) -> Tensor:
        assert not torch.is_autocast_enabled("cpu")
        return layer(state) * end[:, None, None]

    with torch.autocast("cpu", dtype=torch.bfloat16):
        target = identity_target(network, state, state, time, end)
    assert target.dtype == torch.float64 and not target.requires_grad
    assert not consistency_target(lambda x, t, s: layer(x), state, state, time, end, 0.5).requires_grad
