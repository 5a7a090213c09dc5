import numpy as np
import pytest

from espnet_tse.scoring.measure.failure import MetricFault
from espnet_tse.scoring.measure.sdr import sdr


def test_known_values(speech, noisy):
    assert sdr(speech, noisy) == pytest.approx(10.0516, abs=1e-2)
    assert sdr(speech, speech) == pytest.approx(100.0, abs=1e-3)


def slow_sdr(target, estimate, taps=512):
    """Project the estimate on 512 shifted copies of the target, as the definition says."""
    shifted = np.stack([np.pad(target, (lag, taps - 1 - lag)) for lag in range(taps)], axis=1)
    estimate = np.pad(estimate, (0, taps - 1))
    explained = shifted @ np.linalg.lstsq(shifted, estimate, rcond=None)[0]
    return 10 * np.log10(np.sum(explained**2) / np.sum((estimate - explained) ** 2))


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_agrees_with_the_projection_written_out(gain):
    rng = np.random.default_rng(2)
    target = rng.standard_normal(2000)
    estimate = gain * np.convolve(target, [0.5, 0.3, 0.1])[:2000] + 0.2 * rng.standard_normal(2000)
    assert sdr(target, estimate) == pytest.approx(slow_sdr(target, estimate), abs=1e-6)


def test_forgives_a_delay_but_no_advance():
    target = np.random.default_rng(3).standard_normal(8000)
    assert sdr(target, np.roll(target, 160)) > 14
    assert sdr(target, np.roll(target, -160)) < 0


def test_silent_estimate_scores_the_floor(speech):
    assert sdr(speech, np.zeros_like(speech)) == -100.0


def test_silent_target_is_a_fault_of_the_data(speech):
    with pytest.raises(MetricFault, match="no energy") as error:
        sdr(np.zeros_like(speech), speech)
    assert error.value.fault.kind == "ref"


def test_lengths_must_agree(speech):
    with pytest.raises(ValueError, match="one shape"):
        sdr(speech, speech[1:])


def test_equals_the_reference_package(speech, noisy):
    fast_bss_eval = pytest.importorskip("fast_bss_eval", reason="pip install -e '.[test]'")
    for target, estimate in ((speech, noisy), (speech + 0.1, noisy - 0.2)):
        expected = fast_bss_eval.sdr(target[None], estimate[None], filter_length=512, clamp_db=100)
        assert sdr(target, estimate) == pytest.approx(float(expected[0]), abs=1e-2)


# Of mir_eval 0.8.2: separation.bss_eval_sources(target[None], estimate[None], compute_permutation=False)[0][0]
MIR_EVAL = [
    25.13720867108372,
    12.780748957302503,
    19.863418360432156,
    14.143979282043897,
    19.976078843124853,
    20.217093086082695,
    15.340689044752496,
    15.054548902881866,
    17.775994381158092,
    22.053625736071073,
]


@pytest.mark.parametrize("seed, expected", enumerate(MIR_EVAL))
def test_equals_bss_eval_of_mir_eval_where_signals_have_offsets(seed, expected):
    rng = np.random.default_rng(seed)
    target = np.convolve(rng.standard_normal(6000), rng.standard_normal(20))[:6000]
    filtered = np.convolve(target, rng.standard_normal(40))[:6000]
    noise = 10 ** rng.uniform(-2, 1) * rng.standard_normal(6000)
    target, estimate = target + rng.uniform(-20, 20), filtered + noise + rng.uniform(-20, 20)
    assert sdr(target, estimate) == pytest.approx(expected, abs=1e-7)


def test_an_offset_of_the_estimate_is_distortion(speech):
    assert sdr(speech, speech + 0.1) < 20 < 99 < sdr(speech, speech)
