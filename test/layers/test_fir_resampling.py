"""Halving and doubling of maps."""

import torch
from torch.nn import functional as F

from espnet_tse.layers.fir_resampling import TAPS, FIRResampling


def test_filters_match_a_direct_convolution():
    maps = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    taps = torch.tensor(TAPS, dtype=torch.float64)
    kernel = (torch.outer(taps, taps) / taps.sum() ** 2).view(1, 1, 4, 4)
    filtering = FIRResampling()

    def direct(signal: torch.Tensor, gain: float) -> torch.Tensor:
        return F.conv2d(signal.flatten(0, 1)[:, None], gain * kernel).view(
            2, 3, *[n - 3 for n in signal.shape[2:]]
        )

    halved = direct(F.pad(maps, (1, 1, 1, 1)), 1.0)[..., ::2, ::2]
    torch.testing.assert_close(filtering.halved(maps), halved, atol=1e-12, rtol=0)
    spread = torch.zeros(2, 3, 16, 24, dtype=torch.float64)
    spread[..., ::2, ::2] = maps
    doubled = direct(F.pad(spread, (2, 1, 2, 1)), 4.0)
    torch.testing.assert_close(filtering.doubled(maps), doubled, atol=1e-12, rtol=0)


def test_a_constant_stays_a_constant_away_from_the_edges():
    filtering, maps = FIRResampling(), torch.ones(1, 2, 8, 8)
    torch.testing.assert_close(filtering.halved(maps)[..., 1:-1, 1:-1], torch.ones(1, 2, 2, 2))
    torch.testing.assert_close(filtering.doubled(maps)[..., 2:-2, 2:-2], torch.ones(1, 2, 12, 12))
    assert not filtering.state_dict()
