"""The straight path of a flow."""

import torch

from espnet_tse.flow.straight_path import draw_times, point_at


def test_the_path_leads_from_one_end_to_the_other_at_one_speed():
    start, end = torch.randn(3, 4, 5), torch.randn(3, 4, 5)
    assert torch.equal(point_at(torch.zeros(3), start, end), start)
    torch.testing.assert_close(point_at(torch.ones(3), start, end), end)
    time, step = torch.tensor([0.1, 0.5, 0.8]), 1e-2
    slope = (point_at(time + step, start, end) - point_at(time, start, end)) / step
    torch.testing.assert_close(slope, end - start, rtol=1e-3, atol=1e-3)


def test_so_many_times_are_zero_and_the_others_uniform():
    torch.manual_seed(0)
    times = draw_times(2000, 0.5, torch.zeros(1))
    assert abs((times == 0).float().mean() - 0.5) < 0.05
    others = times[times > 0].sort().values
    steps = torch.arange(1, len(others) + 1) / len(others)
    assert (others - steps).abs().max() < 1.36 / len(others) ** 0.5  # Kolmogorov-Smirnov, 5 %
    assert not draw_times(100, 1.0, times).any() and (draw_times(100, 0.0, times) > 0).all()
