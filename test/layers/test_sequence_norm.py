import torch
from torch import nn

from espnet_tse.layers.sequence_norm import FrameNorm, GlobalNorm, sequence_norm, zero_padding


def test_global_norm_is_group_norm_of_one_group():
    torch.manual_seed(0)
    norm, group = GlobalNorm(4), nn.GroupNorm(1, 4)
    with torch.no_grad():
        for weight, other in zip(norm.parameters(), group.parameters()):
            weight.copy_(torch.randn(4))
            other.copy_(weight)
    maps = 3 + torch.randn(2, 5, 6, 4)
    wanted = group(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(norm(maps), wanted, atol=1e-5, rtol=1e-5)
    full = torch.tensor([5, 5])
    torch.testing.assert_close(norm(maps, full), wanted, atol=1e-5, rtol=1e-5)


def test_padding_does_not_count():
    norm, values = GlobalNorm(3), torch.randn(2, 7, 3)
    values[1, 4:] = 100.0
    together = norm(values, torch.tensor([7, 4]))
    torch.testing.assert_close(together[1, :4], norm(values[1:, :4])[0])


def test_causal_sequences_have_a_norm_a_frame():
    assert isinstance(sequence_norm(3, causal=True), FrameNorm)
    assert isinstance(sequence_norm(3, causal=False), GlobalNorm)
    values = torch.randn(1, 4, 3)
    changed = values.clone()
    changed[:, 2:] = 9.0
    norm = sequence_norm(3, causal=True)
    assert torch.equal(norm(values)[:, :2], norm(changed)[:, :2])


def test_zero_padding():
    values = torch.ones(2, 3, 2)
    assert zero_padding(values, torch.tensor([3, 1])).sum(dim=(1, 2)).tolist() == [6.0, 2.0]
    assert zero_padding(values, None) is values
