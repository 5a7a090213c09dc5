"""The moving average: its formula, its place in the model, its state."""

import pytest
import torch
from torch import nn

from espnet_tse.train.moving_average import MovingAverage


@pytest.fixture
def model():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    nn.init.constant_(model[0].weight, 0.0)
    nn.init.constant_(model[1].weight, 5.0)
    model[1].requires_grad_(False)
    return model


def test_the_average_follows_its_formula(model):
    average, expected = MovingAverage(model, 0.5), 0.0
    for update in range(1, 21):
        nn.init.constant_(model[0].weight, float(update))
        average.update()
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * update
    with average.in_the_model():
        assert model[0].weight.item() == pytest.approx(expected)
        assert model[1].weight.item() == 5.0  # frozen: not averaged
    assert model[0].weight.item() == 20.0


def test_the_weights_come_back_after_an_error(model):
    average = MovingAverage(model, 0.9)
    nn.init.constant_(model[0].weight, 1.0)
    with pytest.raises(KeyError), average.in_the_model():
        raise KeyError
    assert model[0].weight.item() == 1.0


def test_its_state_is_restored(model):
    one, other = MovingAverage(model, 0.9), MovingAverage(model, 0.9)
    nn.init.constant_(model[0].weight, 3.0)
    one.update()
    other.load_state_dict(one.state_dict())
    one.update(), other.update()
    torch.testing.assert_close(one.values, other.values, atol=0, rtol=0)
    with pytest.raises(ValueError, match="another model"):
        other.load_state_dict({"num_updates": 1, "values": {"x": torch.zeros(1)}})


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1])
def test_a_decay_out_of_range(model, decay):
    with pytest.raises(ValueError, match="ema_decay"):
        MovingAverage(model, decay)
