import torch

from espnet_tse.layers.running_level import RunningLevel
from espnet_tse.layers.stream_state import StreamState


def test_it_is_the_mean_at_first_and_forgets_later():
    powers = torch.cat([torch.full((1, 10), 4.0), torch.full((1, 200), 1.0)], dim=1)
    levels = RunningLevel(memory=20.0, floor=1e-8)(powers)
    torch.testing.assert_close(levels[0, :10], torch.full((10,), 2.0))
    torch.testing.assert_close(levels[0, 11:12].square(), torch.tensor([3.4]), atol=0.2, rtol=0.0)
    torch.testing.assert_close(levels[0, -1], torch.tensor(1.0), atol=1e-3, rtol=0.0)
    assert (levels.diff(dim=1) <= 1e-6).all()


def test_silence_has_the_floor_and_rows_are_their_own():
    powers = torch.stack([torch.zeros(30), torch.rand(30)])
    module = RunningLevel(memory=5.0, floor=1e-8)
    levels = module(powers)
    torch.testing.assert_close(levels[0], torch.full((30,), 1e-4))
    torch.testing.assert_close(levels[1:], module(powers[1:]))


def test_a_stream_has_the_levels_of_the_whole():
    powers, module, state = torch.rand(2, 50), RunningLevel(memory=7.0, floor=1e-8), StreamState()
    parts = [module(part, state) for part in powers.split((1, 20, 29), dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), module(powers))
