import pytest
import torch

from espnet_tse.layers import blstm
from espnet_tse.layers.blstm import BLSTM


@pytest.fixture(autouse=True)
def any_size_is_worth_a_loop(monkeypatch):
    monkeypatch.setattr(blstm, "WORTH_A_LOOP", 0)


def run(layer, values, lengths, weights):
    """Outputs and all gradients of a weighted sum of the outputs."""
    layer.zero_grad()
    values = values.clone().requires_grad_()
    output = layer(values, lengths)
    (output * weights).sum().backward()
    return [output.detach(), values.grad, *(weight.grad.clone() for weight in layer.parameters())]


@pytest.mark.parametrize("lengths", [None, [7, 7, 7, 7, 7], [7, 1, 4, 2, 6]])
@pytest.mark.parametrize("recompute", [False, True])
def test_own_pass_equals_pytorch_with_all_gradients(lengths, recompute, monkeypatch):
    torch.manual_seed(0)
    layer = BLSTM(5, 6, recompute)
    values, weights = torch.randn(7, 5, 5), torch.randn(7, 5, 12)
    lengths = None if lengths is None else torch.tensor(lengths)
    assert layer.takes_own_pass(values)
    own = run(layer, values, lengths, weights)
    monkeypatch.setattr(blstm, "WORTH_A_LOOP", 10**9)
    for given, wanted in zip(own, run(layer, values, lengths, weights), strict=True):
        torch.testing.assert_close(given, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("own_pass", [True, False])
def test_a_norm_in_front_is_part_of_the_pass(own_pass, monkeypatch):
    torch.manual_seed(0)
    layer, norm = BLSTM(5, 6), torch.nn.LayerNorm(5)
    torch.nn.init.normal_(norm.weight)
    values, weights, lengths = 3 * torch.randn(7, 5, 5) + 1, torch.randn(7, 5, 12), torch.tensor([7, 1, 4, 2, 6])

    def norm_then_layer(values, lengths):
        return layer(norm(values), lengths)

    def both(values, lengths):
        return layer(values, lengths, norm)

    for way in (norm_then_layer, both):
        way.zero_grad = lambda: (layer.zero_grad(), norm.zero_grad())
        way.parameters = lambda: [*layer.parameters(), *norm.parameters()]
    wanted = run(norm_then_layer, values, lengths, weights)
    monkeypatch.setattr(blstm, "WORTH_A_LOOP", 0 if own_pass else 10**9)
    for given, expected in zip(run(both, values, lengths, weights), wanted, strict=True):
        torch.testing.assert_close(given, expected, atol=1e-5, rtol=1e-5)


def test_saturated_gates_stay_finite():
    layer = BLSTM(3, 4)
    result = run(layer, torch.full((4, 2, 3), 1e4), None, torch.ones(4, 2, 8))
    assert all(values.isfinite().all() for values in result)


def test_frozen_inputs_cost_no_gradient():
    layer, values = BLSTM(3, 4), torch.randn(4, 2, 3)
    layer(values).sum().backward()
    assert values.grad is None and layer.weight_hh_l0.grad.any()


def test_a_second_backward_pass_is_refused():
    # The first one wrote its gradients over the gates.
    output = BLSTM(3, 4)(torch.randn(4, 2, 3)).sum()
    output.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.backward()


def test_inference_bfloat16_and_small_layers_take_pytorchs_kernel(monkeypatch):
    layer, values = BLSTM(3, 4), torch.randn(4, 2, 3)
    with torch.no_grad():
        assert not layer.takes_own_pass(values)
    with torch.autocast("cpu", torch.bfloat16):
        assert not layer.takes_own_pass(values)
    monkeypatch.setattr(blstm, "WORTH_A_LOOP", 9)
    assert not layer.takes_own_pass(values)


@pytest.mark.parametrize("lengths", [[7, 1, 4, 2, 6], [3, 3, 7, 7, 1]])
def test_turned_sequences_equal_packed_ones_with_all_gradients(lengths, monkeypatch):
    monkeypatch.setattr(blstm, "WORTH_A_LOOP", 10**9)
    torch.manual_seed(0)
    layer, lengths = BLSTM(5, 6), torch.tensor(lengths)
    values, weights = torch.randn(7, 5, 5), torch.randn(7, 5, 12)

    def packed(values, lengths):
        pack = torch.nn.utils.rnn.pack_padded_sequence(values, lengths, enforce_sorted=False)
        return torch.nn.utils.rnn.pad_packed_sequence(torch.nn.LSTM.forward(layer, pack)[0])[0]

    packed.zero_grad, packed.parameters = layer.zero_grad, layer.parameters
    for given, wanted in zip(run(layer, values, lengths, weights), run(packed, values, lengths, weights), strict=True):
        torch.testing.assert_close(given, wanted, atol=1e-5, rtol=1e-5)
