"""Frames and their overlapping sums."""

import pytest
import torch
from torch.nn import functional as F

from espnet_tse.layers.overlap_add import Framing, OverlapAdd


@pytest.mark.parametrize("size, hop", [(8, 4), (9, 4), (16, 2), (5, 5), (7, 3)])
def test_sums_are_those_of_a_fold(size, hop):
    frames = torch.randn(2, 6, size, dtype=torch.float64, requires_grad=True)
    folded = F.fold(frames.transpose(1, 2), (1, 5 * hop + size), (1, size), stride=(1, hop))[:, 0, 0, : 6 * hop]
    summed = OverlapAdd(size, hop)(frames)
    torch.testing.assert_close(summed, folded)
    weight = torch.randn_like(summed)
    expected, found = (torch.autograd.grad((value * weight).sum(), frames)[0] for value in (folded, summed))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size, hop", [(8, 4), (9, 4), (16, 2)])
def test_a_stream_adds_up_to_the_whole(size, hop):
    frames, layer, state = torch.randn(1, 7, size), OverlapAdd(size, hop), {}
    pieces = [layer(part, state) for part in frames.split([2, 1, 4], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), layer(frames))


def test_the_sum_of_frames_counts_each_sample_once_a_window():
    framing, layer = Framing(8, 2), OverlapAdd(8, 2)
    signal = torch.randn(1, 20)
    summed = layer(framing(signal))[:, framing.delay : framing.delay + 20]
    torch.testing.assert_close(summed, 4 * signal)
