"""Solvers of a flow's equation."""

import math

import pytest
import torch

from espnet_tse.flow.ode_solvers import EVALUATIONS, SOLVERS


@pytest.mark.parametrize("solver", sorted(SOLVERS))
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_the_velocity_of_a_straight_path_leads_to_its_end(solver, steps):
    start, end, calls = torch.randn(2, 3, 4), torch.randn(2, 3, 4), []

    def velocity(state, time):
        calls.append(time)
        return end - start

    states = list(SOLVERS[solver](velocity, start, steps))
    assert len(states) == steps
    torch.testing.assert_close(states[-1], end, rtol=0, atol=1e-5)
    assert len(calls) == steps * EVALUATIONS[solver]
    assert calls[0].shape == (2,) and all(0 <= time[0] < 1 for time in calls)


@pytest.mark.parametrize("solver, order", [("euler", 1), ("midpoint", 2)])
def test_twice_the_steps_divide_the_error_by_two_to_the_order(solver, order):
    start = torch.ones(1, 1, 1, dtype=torch.float64)
    errors = []
    for steps in (32, 64):
        *_, end = SOLVERS[solver](lambda state, time: state * (1 + time[:, None, None]), start, steps)
        errors.append(abs(end.item() - math.e**1.5))
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.1)
