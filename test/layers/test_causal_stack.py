"""Decoder-only stacks: which sizes they refuse."""

import pytest
import torch

from espnet_tse.layers.causal_stack import CausalStack, CausalStackConfig, RotaryStackConfig

TINY = {"num_layers": 1, "width": 12, "num_heads": 2, "feedforward": 8}


@pytest.mark.parametrize(
    "config, conf, fault",
    [
        (CausalStackConfig, {"style": "gpt"}, "none of"),
        (CausalStackConfig, {"num_layers": 0}, "positive"),
        (CausalStackConfig, {"num_heads": 5}, "not divisible"),
        (CausalStackConfig, {"style": "llama", "num_heads": 4}, "llama want heads of one even width"),
        (RotaryStackConfig, {"num_heads": 4}, "llama want heads of one even width"),
        (RotaryStackConfig, {"style": "gpt2"}, "no rotary positions"),
    ],
)
def test_impossible_configs_are_refused(config, conf, fault):
    with pytest.raises(ValueError, match=fault):
        config(**{**TINY, **conf})


def test_heads_that_nothing_turns_may_be_of_odd_width():
    stack = CausalStack(CausalStackConfig(**{**TINY, "num_heads": 4}))
    hidden = stack(torch.randn(1, 3, 12), torch.ones(1, 3, 3, dtype=torch.bool), torch.arange(3.0)[None])
    assert hidden.isfinite().all()
