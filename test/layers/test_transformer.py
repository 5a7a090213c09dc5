import pytest
import torch

from espnet_tse.layers.attention import RelativeSelfAttention, relative_scores
from espnet_tse.layers.positional import rotate, rotation, sinusoid
from espnet_tse.layers.transformer import (
    TransformerConfig,
    TransformerStack,
    bidirectional_mask,
    prefix_mask,
)

TINY = {"num_layers": 2, "width": 16, "num_heads": 2, "feedforward": 32, "dropout": 0.0}


def test_relative_scores_equal_the_sum_over_distances():
    torch.manual_seed(0)
    attention = RelativeSelfAttention(8, 2, 0.0, 0.0).eval()
    query = torch.randn(1, 2, 3, 4)
    within_reach = attention.distance_keys(torch.arange(4, -3, -1))
    scores = relative_scores(query, within_reach, num_keys=5)
    table = attention.distance_keys(torch.arange(-10, 11))
    for i in range(3):
        for j in range(5):
            distance = (i + 2) - j  # the queries are the last 3 of 5 positions
            expected = (query[0, :, i] * table[:, distance + 10]).sum(-1)
            torch.testing.assert_close(scores[0, :, i, j], expected)


def test_blocks_of_queries_equal_all_queries_at_once(monkeypatch):
    torch.manual_seed(0)
    attention = RelativeSelfAttention(8, 2, 0.0, 0.0).eval()
    hidden, allowed = torch.randn(2, 11, 8), torch.rand(2, 11, 11) > 0.3
    allowed |= torch.eye(11, dtype=torch.bool)
    whole = attention(hidden, allowed, None, None, 0)  # with gradients: all at once
    with torch.no_grad():
        for size in (1, 4, 11):
            monkeypatch.setattr("espnet_tse.layers.attention.QUERY_BLOCK", size)
            for mask in (allowed, allowed[:, :1]):
                expected = (
                    whole if mask is allowed else attention(hidden, mask.expand(2, 11, 11), None, None, 0)
                )
                torch.testing.assert_close(attention(hidden, mask, None, None, 0), expected)


def test_relative_attention_follows_its_equation():
    torch.manual_seed(0)
    attention = RelativeSelfAttention(8, 2, 0.0, 0.0).eval()
    hidden, allowed = torch.randn(1, 4, 8), torch.tensor([[[True] * 4] * 3 + [[True, False, True, True]]])
    query, key, value = (part[0] for part in attention.project(hidden))
    table = attention.distance_keys(torch.arange(-3, 4))
    rows = []
    for i in range(4):
        score = torch.stack(
            [
                ((query[:, i] + attention.content_bias) * key[:, j]).sum(-1)
                + ((query[:, i] + attention.position_bias) * table[:, i - j + 3]).sum(-1)
                for j in range(4)
            ],
            dim=-1,
        )
        score = (score / 2.0).masked_fill(~allowed[0, i], float("-inf"))
        rows.append((score.softmax(-1)[..., None] * value).sum(1).flatten())
    expected = attention.out(torch.stack(rows))
    torch.testing.assert_close(attention(hidden, allowed, None, None, 0)[0], expected, atol=1e-5, rtol=1e-5)


def test_rotation_scores_depend_on_differences_only():
    torch.manual_seed(0)
    query, key = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def score(first, second):
        at = [
            rotate(v, rotation(torch.tensor([[p]]), v.size(-1))) for v, p in ((query, first), (key, second))
        ]
        return (at[0] * at[1]).sum()

    torch.testing.assert_close(score(3.5, 1.0), score(103.5, 101.0), atol=1e-4, rtol=1e-4)
    assert not torch.isclose(score(3.5, 1.0), score(3.5, 2.0))


def test_sinusoid_interleaves_and_wants_an_even_width():
    table = sinusoid(torch.tensor([0.0, 1.0]), 4)
    expected = torch.tensor([[0.0, 1.0, 0.0, 1.0], [0.841471, 0.540302, 0.0099998, 0.99995]])
    torch.testing.assert_close(table, expected, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="even width"):
        sinusoid(torch.zeros(1), 3)


def test_prefix_mask_is_bidirectional_then_causal_and_hides_padding():
    padding = torch.tensor([[True, False, False, False, False]])
    mask = prefix_mask(padding, prefix_length=3)[0].int().tolist()
    assert mask == [[1, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 1]]


@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_left_padding_changes_no_valid_row(position):
    torch.manual_seed(0)
    stack = TransformerStack(6, TransformerConfig(position=position, **TINY)).eval()
    row, pad = torch.randn(1, 4, 6), torch.randn(1, 3, 6)
    positions = torch.arange(4.0)[None]
    alone = stack(row, bidirectional_mask(torch.zeros(1, 4, dtype=torch.bool)), positions)
    padding = torch.tensor([[True] * 3 + [False] * 4])
    shifted = torch.cat([torch.zeros(1, 3), positions], dim=1)
    padded = stack(torch.cat([pad, row], dim=1), bidirectional_mask(padding), shifted)
    torch.testing.assert_close(padded[:, 3:], alone, atol=1e-5, rtol=1e-5)
    assert torch.isfinite(padded).all()


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"activation": "gelu"}, "none of"),
        ({"position": "x"}, "none of"),
        ({"num_layers": 0}, "positive"),
        (
            {"position": "rotary", "width": 36, "num_heads": 4},
            "position rotary wants heads of one even width",
        ),
        ({"width": 15, "num_heads": 3}, "width 15 is odd"),
    ],
)
def test_impossible_configs_are_refused(conf, fault):
    with pytest.raises(ValueError, match=fault):
        TransformerConfig(**{**TINY, **conf})


def test_relative_heads_may_be_of_odd_width():
    stack = TransformerStack(6, TransformerConfig(**{**TINY, "width": 12, "num_heads": 4}))
    assert stack(torch.randn(1, 4, 6), torch.ones(1, 4, 4, dtype=torch.bool)).isfinite().all()
