"""Direct Preference Optimisation by hand."""

import itertools
import math

import pytest
import torch

from espnet_tse.loss.preference import log_probability, preference_loss


def test_the_log_probability_of_a_sequence_is_the_sum_over_its_tokens():
    logits, tokens = torch.randn(2, 4, 5), torch.randint(5, (2, 4))
    padding = torch.tensor([[False] * 4, [False, False, True, True]])
    found = log_probability(logits, tokens, padding)
    for row, length in enumerate((4, 2)):
        by_hand = sum(logits[row, t].log_softmax(-1)[tokens[row, t]] for t in range(length))
        assert found[row].item() == pytest.approx(by_hand.item(), abs=1e-5)


def test_probabilities_of_all_sequences_of_two_tokens_sum_to_one():
    logits = torch.randn(1, 2, 3)
    total = sum(
        log_probability(logits, torch.tensor([pair]), torch.zeros(1, 2, dtype=torch.bool)).exp()
        for pair in itertools.product(range(3), repeat=2)
    )
    assert total.item() == pytest.approx(1.0, abs=1e-6)


def test_equal_models_have_a_loss_of_log_two_and_a_gradient():
    better, worse = torch.tensor([-3.0, -5.0], requires_grad=True), torch.tensor(
        [-4.0, -4.0], requires_grad=True
    )
    loss, margin = preference_loss(better, worse, better.detach(), worse.detach(), 0.1)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6) and not margin.any()
    loss.backward()
    assert (better.grad < 0).all() and (worse.grad > 0).all()


def test_exchanged_sequences_negate_the_margin_and_no_beta_leaves_log_two():
    values = torch.randn(4, 6)
    loss, margin = preference_loss(*values, 0.5)
    _, exchanged = preference_loss(values[1], values[0], values[3], values[2], 0.5)
    torch.testing.assert_close(margin, -exchanged)
    assert preference_loss(*values, 0.0)[0].item() == pytest.approx(math.log(2), abs=1e-6)
    by_hand = [math.log1p(math.exp(-0.5 * float(b - rb - w + rw))) for b, w, rb, rw in values.T]
    assert loss.item() == pytest.approx(sum(by_hand) / 6, abs=1e-5)
