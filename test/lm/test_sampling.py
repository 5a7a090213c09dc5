import pytest
import torch

from espnet_tse.lm.sampling import SamplingConf, choose_tokens, row_draws


@pytest.fixture
def logits():
    return torch.randn(3, 2, 12, generator=torch.Generator().manual_seed(0))


def test_top_k_of_one_and_a_tiny_top_p_are_greedy(logits):
    draws = torch.rand(3, 2, dtype=torch.float64)
    for conf in (SamplingConf(sampling=True, top_k=1), SamplingConf(sampling=True, top_p=1e-9)):
        assert torch.equal(choose_tokens(logits, conf, draws), logits.argmax(dim=-1))
    assert torch.equal(choose_tokens(logits, SamplingConf(), None), logits.argmax(dim=-1))


def histogram(logits, conf, count=40000):
    draws = torch.rand(count, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    tokens = choose_tokens(logits.expand(count, 1, -1), conf, draws)
    return torch.bincount(tokens.flatten(), minlength=logits.size(-1)).double() / count


@pytest.mark.parametrize("temperature", [1.0, 0.7, 2.0])
def test_draws_follow_the_distribution(logits, temperature):
    row = logits[:1, :1]
    expected = torch.softmax(row[0, 0].double() / temperature, dim=-1)
    observed = histogram(row, SamplingConf(sampling=True, temperature=temperature))
    chi_square = 40000 * ((observed - expected) ** 2 / expected).sum()
    assert float(chi_square) < 31.3  # 0.1 % point of chi-square with 11 degrees of freedom


def test_top_k_and_top_p_keep_what_they_say(logits):
    row = logits[:1, :1]
    probabilities = torch.softmax(row[0, 0].double(), dim=-1)
    assert int((histogram(row, SamplingConf(sampling=True, top_k=4)) > 0).sum()) == 4
    ordered, _ = probabilities.sort(descending=True)
    kept = int((ordered.cumsum(0) - ordered < 0.6).sum())
    assert int((histogram(row, SamplingConf(sampling=True, top_p=0.6)) > 0).sum()) == kept


def test_forbidden_tokens_are_never_drawn(logits):
    row = logits[:1, :1].clone()
    row[..., 3] = float("-inf")
    assert histogram(row, SamplingConf(sampling=True, temperature=5.0))[3] == 0


def test_draws_belong_to_the_key():
    together = row_draws(["a", "b"], seed=4, num_steps=5, num_streams=2)
    assert torch.equal(together[1], row_draws(["b"], seed=4, num_steps=5, num_streams=2)[0])
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together, row_draws(["a", "b"], seed=5, num_steps=5, num_streams=2))
