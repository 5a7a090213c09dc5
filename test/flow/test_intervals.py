"""Intervals of training."""

import torch

from espnet_tse.flow.intervals import draw_intervals

STARTS = torch.linspace(0.0, 0.9, 4000)


def test_shares_are_kept_and_times_are_in_order():
    torch.manual_seed(0)
    time, end = draw_intervals(STARTS, 0.5, 0.25)
    decoded, still = (time == STARTS) & (end == 1.0), time == end
    assert abs(decoded.float().mean() - 0.5) < 0.03 and abs(still.float().mean() - 0.25) < 0.03
    assert (time <= end).all() and time.min() >= 0.0 and end.max() <= 1.0
    others = (end - time)[~decoded & ~still]
    assert abs(others.mean() - 1 / 3) < 0.03  # of two uniform times


def test_all_rows_may_be_of_one_kind():
    time, end = draw_intervals(STARTS, 1.0, 0.0)
    assert torch.equal(time, STARTS) and (end == 1.0).all()
    time, end = draw_intervals(STARTS, 0.0, 1.0)
    assert torch.equal(time, end) and time.std() > 0.2


def test_a_generator_repeats_its_draws_and_leaves_the_others():
    before = torch.random.get_rng_state()
    first, second = (draw_intervals(STARTS, 0.3, 0.3, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert torch.equal(torch.random.get_rng_state(), before)
