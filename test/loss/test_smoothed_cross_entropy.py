"""Smoothed targets by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from espnet_tse.loss.smoothed_cross_entropy import mean_over, smoothed_divergence


def test_three_classes_by_hand():
    probabilities, target = [0.2, 0.5, 0.3], [0.05, 0.9, 0.05]
    expected = sum(t * math.log(t / p) for t, p in zip(target, probabilities))
    found = smoothed_divergence(torch.tensor([probabilities]).log(), torch.tensor([1]), 0.1)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_without_smoothing_it_is_cross_entropy():
    logits, labels = torch.randn(6, 9), torch.arange(6)
    found = smoothed_divergence(logits, labels, 0.0)
    torch.testing.assert_close(found, F.cross_entropy(logits, labels, reduction="none"))


def test_it_is_zero_at_the_smoothed_target():
    target = torch.full((1, 5), 0.1 / 4)
    target[0, 3] = 0.9
    assert smoothed_divergence(target.log(), torch.tensor([3]), 0.1).abs() < 1e-6


def test_a_single_entry_costs_nothing():
    logits = torch.randn(3, 1, requires_grad=True)
    assert not smoothed_divergence(logits, torch.zeros(3, dtype=torch.int64), 0.1).any()


def test_the_mean_is_of_those_chosen():
    values = torch.tensor([1.0, 2.0, float("nan")])
    assert mean_over(values, torch.tensor([True, True, False])) == 1.5
    assert mean_over(values, torch.zeros(3, dtype=torch.bool)) == 0.0
