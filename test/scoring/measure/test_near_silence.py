import numpy as np
import pytest

from espnet_tse.scoring.measure.near_silence import active_level_dbfs, near_silence


def noise(level_db, count=80000):
    return 10 ** (level_db / 20) * np.random.default_rng(0).standard_normal(count)


def test_pauses_and_offsets_do_not_change_the_active_level(speech):
    tone = 0.1 * np.sqrt(2) * np.sin(np.arange(16000) * 2 * np.pi * 100 / 16000)
    assert active_level_dbfs(tone) == pytest.approx(-20, abs=0.01)
    assert active_level_dbfs(np.concatenate([tone, 1e-4 * tone])) == pytest.approx(-20, abs=0.01)
    assert active_level_dbfs(tone + 0.3) == pytest.approx(-20, abs=0.01)


@pytest.mark.parametrize("level_db, silent", [(-69, True), (-50, True), (-20, False)])
def test_faint_noise_is_silence(speech, level_db, silent):
    assert bool(near_silence(noise(level_db), speech)) == silent
    assert bool(near_silence(noise(level_db) + 0.2, speech)) == silent


@pytest.mark.parametrize("gain_db, silent", [(-38, False), (-42, True)])
def test_quiet_speech_is_speech_until_nothing_is_left_to_hear(speech, other_speech, gain_db, silent):
    mixture = speech + other_speech
    for estimate in (speech, mixture, np.roll(speech, 160), speech + noise(-45)):
        assert bool(near_silence(10 ** (gain_db / 20) * estimate, speech, mixture)) == silent


def test_another_length_is_compared_over_the_common_part(speech):
    assert near_silence(0.02 * speech[:30000], speech) is None
    assert near_silence(noise(-69, 30000), speech) and near_silence(noise(-69, 90000), speech)
