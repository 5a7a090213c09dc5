import numpy as np
import pytest

from espnet_tse.scoring.measure.damping import edge_losses, over_suppression
from espnet_tse.scoring.measure.failure import MetricFault


@pytest.fixture
def steady():
    """One second of noise between silences, without an offset in any part of it."""
    samples = np.zeros(32000)
    samples[8000:24000] = np.diff(np.random.default_rng(0).standard_normal(16001))
    return samples


def test_no_loss_whatever_the_gain(steady):
    for gain in (1.0, 0.01, -3.0):
        assert edge_losses(steady, gain * steady) == pytest.approx([0.0, 0.0], abs=1e-9)
        assert over_suppression(steady, gain * steady) == 0.0


def test_edges_are_the_first_and_last_100_ms_of_activity(steady):
    damped = steady.copy()
    damped[8000:9600] *= 10 ** (-12 / 20)
    damped[22400:24000] *= 10 ** (-30 / 20)
    assert edge_losses(steady, damped) == pytest.approx([12.0, 30.0], abs=1e-3)
    # A constant offset of either is none of its sound.
    assert edge_losses(steady + 1, damped - 1) == pytest.approx([12.0, 30.0], abs=1e-3)


def test_a_boost_is_no_loss_and_silence_is_limited(steady):
    changed = steady.copy()
    changed[8000:9600] *= 4
    changed[22400:] = 0
    assert edge_losses(steady, changed) == [0.0, 60.0]


def test_short_activity_is_excluded(steady):
    steady[13000:] = 0
    with pytest.raises(
        MetricFault, match="the target is active for 0.3., 0.4 are wanted|the target is active"
    ):
        edge_losses(steady, steady)


def test_suppressed_energy_is_counted(steady):
    half = steady.copy()
    half[8000:16000] = 0
    assert over_suppression(steady, half) == pytest.approx(0.5, abs=0.03)
    half[8000:16000] = 0.5 * steady[8000:16000]  # 6 dB are no suppression
    assert over_suppression(steady, half) == 0.0


def test_a_mixture_loses_little_and_a_wrong_speaker_much(speech, other_speech):
    assert over_suppression(speech, speech + other_speech) < 0.05
    assert over_suppression(speech, other_speech) > 0.3
