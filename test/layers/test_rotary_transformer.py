"""The transformer of conditions, and the layers that it is made of."""

import pytest
import torch
from torch.nn import functional as F

from espnet_tse.layers.gated_feedforward import GatedFeedforward, gated_width
from espnet_tse.layers.normed_attention import NormedAttention
from espnet_tse.layers.positional import rotate, rotation
from espnet_tse.layers.rotary_transformer import RotaryTransformer, RotaryTransformerConfig


def values(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def new_transformer() -> RotaryTransformer:
    torch.manual_seed(0)
    return RotaryTransformer(RotaryTransformerConfig(width=16, num_layers=2, num_heads=2), 6, 5).eval()


def everything(frames: torch.Tensor) -> torch.Tensor:
    return torch.ones(frames.shape[:2], dtype=torch.bool)


def test_a_row_is_the_same_in_any_batch():
    transformer, frames = new_transformer(), values(0, 2, 9, 6)
    allowed = torch.arange(9)[None] < torch.tensor([[9], [4]])
    both = transformer(frames, allowed)
    alone = transformer(frames[1:, :4], everything(frames[1:, :4]))
    torch.testing.assert_close(both[1, :4], alone[0], atol=1e-5, rtol=1e-5)
    frames[1, 4:] = 50.0
    torch.testing.assert_close(transformer(frames, allowed)[1, :4], alone[0], atol=1e-5, rtol=1e-5)


def test_order_is_heard_and_any_length_runs():
    transformer, frames = new_transformer(), values(0, 1, 9, 6)
    usual = transformer(frames, everything(frames))
    assert not torch.allclose(transformer(frames.flip(1), everything(frames)).flip(1), usual, atol=1e-4)
    for length in (1, 1000):
        frames = values(1, 1, length, 6)
        assert transformer(frames, everything(frames)).isfinite().all()


def test_the_published_size():
    with torch.device("meta"):
        transformer = RotaryTransformer(RotaryTransformerConfig(), 384, 384)
    assert sum(parameter.numel() for parameter in transformer.parameters()) == pytest.approx(
        21.585e6, abs=500
    )
    block = sum(parameter.numel() for parameter in transformer.blocks[0].parameters())
    assert block == pytest.approx(1.774e6, abs=500)


@pytest.mark.parametrize(
    "conf, message", [({"num_layers": 0}, "must be positive"), ({"num_heads": 7}, "heads of one even width")]
)
def test_sizes_that_do_not_go_together_are_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        RotaryTransformerConfig(**conf)


def test_attention_by_hand():
    """Head by head and query by query."""
    torch.manual_seed(0)
    attention, queries, context = NormedAttention(8, 2).eval(), values(0, 1, 3, 8), values(1, 1, 5, 8)
    for norm in (attention.query_norm, attention.key_norm):
        torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    allowed = torch.tensor([[True, True, False, True, True]])
    turned, turned_keys = rotation(torch.arange(3)[None] + 7, 4), rotation(torch.arange(5)[None], 4)
    found = attention(queries, attention.keys_values(context, turned_keys), allowed, turned)
    mixed = torch.zeros(3, 8)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        query = attention.query_norm(attention.query(queries)[..., part])
        key = attention.key_norm(attention.key(context)[..., part])
        query, key = rotate(query[:, None], turned)[0, 0], rotate(key[:, None], turned_keys)[0, 0]
        scores = (query @ key.T / 2).masked_fill(~allowed, -torch.inf)
        mixed[:, part] = scores.softmax(dim=1) @ attention.value(context)[0, :, part]
    torch.testing.assert_close(found[0], attention.out(mixed), atol=1e-5, rtol=1e-5)


def test_attention_does_not_follow_the_size_of_what_it_compares():
    torch.manual_seed(0)
    attention, queries, context = NormedAttention(8, 2).eval(), values(0, 1, 3, 8), values(1, 1, 5, 8)
    keys_values, louder = attention.keys_values(10 * context), attention.keys_values(100 * context)
    torch.testing.assert_close(louder.keys, keys_values.keys, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(louder.values, 10 * keys_values.values)
    soft, loud = (attention(factor * queries, keys_values, None) for factor in (10, 100))
    torch.testing.assert_close(soft, loud, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("width, hidden", [(768, 2048), (384, 1024), (1024, 2816), (512, 1536), (16, 256)])
def test_widths_of_the_gated_layer(width, hidden):
    assert gated_width(width) == hidden


def test_the_gated_layer_by_hand():
    torch.manual_seed(0)
    layer, hidden = GatedFeedforward(4), values(0, 2, 3, 4)
    gate, value = (
        hidden @ half.T + bias for half, bias in zip(*(p.chunk(2) for p in layer.input.parameters()))
    )
    torch.testing.assert_close(layer(hidden), layer.output(F.silu(gate) * value))
