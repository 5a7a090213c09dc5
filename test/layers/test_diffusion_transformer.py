"""Transformer blocks that begin as the identity."""

import torch

from espnet_tse.layers.diffusion_transformer import DiT, DiTBlock, TimeEmbedding
from espnet_tse.layers.positional import rotation
from espnet_tse.layers.transformer import bidirectional_mask


def new_dit() -> DiT:
    torch.manual_seed(0)
    return DiT(6, 4, num_layers=2, width=16, num_heads=2, feedforward=24, dropout=0.0).eval()


def shaken(module: torch.nn.Module) -> torch.nn.Module:
    """Weights that are zero at first, at random: as after some training."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


def test_a_block_is_the_identity_until_its_gates_open():
    torch.manual_seed(0)
    block, hidden, condition = DiTBlock(16, 2, 24, 0.0).eval(), torch.randn(1, 5, 16), torch.randn(1, 16)
    allowed = bidirectional_mask(torch.zeros(1, 5, dtype=torch.bool))
    turned = rotation(torch.arange(5)[None], 8)
    assert torch.equal(block(hidden, condition, allowed, turned), hidden)
    torch.nn.init.normal_(block.modulation.weight, std=0.1)
    assert not torch.allclose(block(hidden, condition, allowed, turned), hidden)


def test_untrained_it_says_nothing():
    values, padding = torch.randn(2, 5, 6), torch.zeros(2, 5, dtype=torch.bool)
    assert not new_dit()(values, torch.randn(2, 16), padding).any()


def test_attention_knows_distances_only():
    torch.manual_seed(0)
    block, hidden, condition = (
        shaken(DiTBlock(16, 2, 24, 0.0).eval()),
        torch.randn(1, 5, 16),
        torch.randn(1, 16),
    )
    allowed = bidirectional_mask(torch.zeros(1, 5, dtype=torch.bool))
    here, there = (
        block(hidden, condition, allowed, rotation(torch.arange(5)[None] + shift, 8)) for shift in (0, 300)
    )
    torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-4)


def test_padding_is_not_seen_and_any_length_runs():
    dit, condition = shaken(new_dit()), torch.randn(1, 16)
    values = torch.randn(1, 7, 6)
    padding = torch.tensor([[False] * 5 + [True] * 2])
    alone = dit(values[:, :5], condition, padding[:, :5])
    torch.testing.assert_close(dit(values, condition, padding)[:, :5], alone)
    for frames in (1, 50, 201, 1000):
        many = torch.randn(1, frames, 6)
        assert dit(many, condition, torch.zeros(1, frames, dtype=torch.bool)).shape == (1, frames, 4)


def test_times_differ():
    embedding = TimeEmbedding(16)
    first, second, again = embedding(torch.tensor([0.0, 0.01, 0.0]))
    assert torch.equal(first, again) and not torch.allclose(first, second, atol=1e-3)
