import numpy as np
import pytest

from espnet_tse.scoring.measure.si_sdr import si_sdr


def test_gain_and_sign_do_not_matter(speech):
    assert si_sdr(speech, 0.3 * speech) == 100.0
    assert si_sdr(speech, -speech) == 100.0


def test_value_on_noise(speech, noisy):
    assert si_sdr(speech, noisy) == pytest.approx(10.0185, abs=1e-3)


@pytest.mark.parametrize("decibel", [20.0, 10.0, 0.0, -10.0])
def test_orthogonal_noise_gives_its_own_ratio_and_is_symmetric(decibel):
    rng = np.random.default_rng(1)
    target, noise = (x - x.mean() for x in rng.standard_normal((2, 4000)))
    noise -= noise @ target / (target @ target) * target
    noise *= np.sqrt(target @ target / (noise @ noise)) * 10 ** (-decibel / 20)
    estimate = 3.7 * (target + noise)
    assert si_sdr(target, estimate) == pytest.approx(decibel, abs=1e-9)
    assert si_sdr(estimate, target) == pytest.approx(decibel, abs=1e-9)


def test_mean_is_removed():
    target = np.random.default_rng(0).standard_normal(4000)
    assert si_sdr(target, target + 0.5) == pytest.approx(100.0, abs=1e-6)


def test_silence_scores_the_floor(speech):
    assert si_sdr(speech, np.zeros_like(speech)) == -100.0
    assert si_sdr(np.zeros_like(speech), speech) == -100.0


def test_lengths_must_agree(speech):
    with pytest.raises(ValueError, match="one shape"):
        si_sdr(speech, speech[1:])
