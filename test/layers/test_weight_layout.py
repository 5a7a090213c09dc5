import torch
from torch import nn

from espnet_tse.layers.weight_layout import column_major_weights


def test_only_the_layout_of_linear_weights_changes():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 2)))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    inputs = torch.randn(4, 3)
    expected = module(inputs)
    assert column_major_weights(module) is module
    assert (
        module[0].weight.t().is_contiguous() and module[1][1].weight.is_contiguous()
    )  # the second one narrows
    assert module.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    torch.testing.assert_close(module(inputs), expected)
    module(inputs).sum().backward()
    assert module[0].weight.grad.shape == (5, 3)
