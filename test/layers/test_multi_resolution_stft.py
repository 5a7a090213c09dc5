import math

import pytest
import torch

from espnet_tse.layers.multi_resolution_stft import multi_resolution_stft


def signals(rows=1, length=3000):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, rows, length, generator=generator)


def test_equal_signals_have_no_distance():
    target, _ = signals()
    assert float(multi_resolution_stft(target, target, torch.tensor([3000]))) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("gain", [0.5, 0.25])
def test_a_gain_costs_its_share_and_its_logarithm(gain):
    target, _ = signals()
    distance = multi_resolution_stft(gain * target, target, torch.tensor([3000]))
    assert float(distance) == pytest.approx(1 - gain - math.log(gain), abs=1e-4)


def test_level_of_both_together_does_not_matter():
    target, estimate = signals()
    lengths = torch.tensor([3000])
    plain = float(multi_resolution_stft(estimate, target, lengths))
    assert float(multi_resolution_stft(1e-2 * estimate, 1e-2 * target, lengths)) == pytest.approx(plain, rel=1e-4)


def test_rows_are_averaged_without_their_padding():
    target, estimate = signals(rows=2)
    lengths = torch.tensor([3000, 2000])
    both = float(multi_resolution_stft(estimate, target, lengths))
    alone = [
        float(multi_resolution_stft(estimate[[row], :length], target[[row], :length], lengths[[row]]))
        for row, length in enumerate(lengths.tolist())
    ]
    assert both == pytest.approx((3 * alone[0] + 2 * alone[1]) / 5, rel=1e-5)


def test_silence_has_a_finite_gradient():
    target, _ = signals()
    estimate = torch.zeros_like(target, requires_grad=True)
    lengths = torch.tensor([3000])
    (multi_resolution_stft(estimate, target, lengths) + multi_resolution_stft(estimate, 0 * target, lengths)).backward()
    assert estimate.grad.isfinite().all()
