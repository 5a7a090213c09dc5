import math

import pytest
import torch

from espnet_tse.loss.waveform_ratio import absent_energy, negative_si_sdr, negative_snr
from espnet_tse.scoring.measure.si_sdr import si_sdr

TARGET = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
ORTHOGONAL = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
FOUR = torch.tensor([4])


@pytest.mark.parametrize("amount", [0.1, 1.0, 10.0])
def test_si_sdr_of_orthogonal_noise_is_the_ratio_of_energies(amount):
    loss = negative_si_sdr(TARGET + amount * ORTHOGONAL, TARGET, FOUR)
    assert float(loss) == pytest.approx(20 * math.log10(amount), abs=1e-4)


def test_si_sdr_is_that_of_the_scorer():
    generator = torch.Generator().manual_seed(0)
    target, noise = torch.randn(2, 3, 4000, generator=generator)
    estimate = 0.3 * target + 0.1 * noise + 0.2
    wanted = [si_sdr(target[row].double().numpy(), estimate[row].double().numpy()) for row in range(3)]
    loss = negative_si_sdr(estimate, target, torch.full((3,), 4000))
    assert -float(loss) == pytest.approx(sum(wanted) / 3, abs=1e-3)


@pytest.mark.parametrize("gain", [1e-3, 1.0, 1e3])
def test_si_sdr_knows_no_gain_and_no_offset(gain):
    plain = negative_si_sdr(TARGET + ORTHOGONAL / 2, TARGET, FOUR)
    changed = negative_si_sdr(gain * (TARGET + ORTHOGONAL / 2) + 3.0 * gain, TARGET, FOUR)
    assert float(changed) == pytest.approx(float(plain), abs=1e-3)


def test_a_perfect_estimate_is_the_best_and_max_db_caps_it():
    assert float(negative_si_sdr(TARGET, TARGET, FOUR)) == pytest.approx(-80.0, abs=0.1)
    assert float(negative_si_sdr(TARGET, TARGET, FOUR, max_db=30.0)) == pytest.approx(-30.0, abs=0.1)
    assert float(negative_snr(TARGET, TARGET, FOUR)) == pytest.approx(-80.0, abs=0.1)


def test_snr_counts_the_level():
    assert float(negative_snr(0.5 * TARGET, TARGET, FOUR)) == pytest.approx(-20 * math.log10(2), abs=1e-4)


@pytest.mark.parametrize("criterion", [negative_si_sdr, negative_snr])
def test_rows_with_silent_targets_are_0(criterion):
    estimate = torch.cat([TARGET + 0.3 * ORTHOGONAL, ORTHOGONAL]).requires_grad_()
    target, lengths = torch.cat([TARGET, 0 * TARGET]), torch.tensor([4, 4])
    loss = criterion(estimate, target, lengths)
    assert float(loss.detach()) == pytest.approx(float(criterion(estimate[:1].detach(), TARGET, FOUR)) / 2)
    loss.backward()
    assert estimate.grad[0].any() and not estimate.grad[1].any() and estimate.grad.isfinite().all()
    nothing = criterion(estimate, 0 * target, lengths)
    assert float(nothing.detach()) == 0.0
    nothing.backward()
    assert estimate.grad.isfinite().all()


@pytest.mark.parametrize("criterion", [negative_si_sdr, negative_snr])
def test_a_silent_estimate_has_a_finite_gradient(criterion):
    estimate = torch.zeros(1, 4, requires_grad=True)
    criterion(estimate, TARGET, FOUR).backward()
    assert estimate.grad.isfinite().all()


@pytest.mark.parametrize("criterion", [negative_si_sdr, negative_snr])
def test_padding_is_not_read(criterion):
    estimate, target = TARGET + 0.3 * ORTHOGONAL, TARGET
    padded = [torch.cat([signal, torch.full((1, 3), 9.0)], dim=1) for signal in (estimate, target)]
    assert float(criterion(*padded, FOUR)) == pytest.approx(
        float(criterion(estimate, target, FOUR)), abs=1e-5
    )


def test_energy_of_absent_targets_is_below_the_mixture():
    silent, lengths = torch.zeros(2, 4), torch.tensor([4, 4])
    mixture = torch.cat([TARGET, TARGET])
    equal = absent_energy(mixture, silent, mixture, lengths)
    assert float(equal) == pytest.approx(0.0, abs=0.01)
    quiet = absent_energy(0 * mixture, silent, mixture, lengths)
    assert float(quiet) == pytest.approx(-30.0, abs=1e-3)
    assert float(absent_energy(mixture, mixture, mixture, lengths)) == 0.0  # nobody is absent
