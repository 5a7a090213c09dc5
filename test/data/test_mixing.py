"""Levels, lengths and rooms of mixtures."""

import numpy as np
import pytest

from espnet_tse.data.mixing import fit_length, level, mix_sources, reverberate, scale_to_ratio


def ratio_db(first: np.ndarray, second: np.ndarray, kind: str) -> float:
    measure = {"rms": lambda x: np.sqrt(np.mean(x**2)), "peak": lambda x: np.abs(x).max()}[kind]
    return 20 * np.log10(measure(first) / measure(second))


@pytest.mark.parametrize("kind", ["rms", "peak"])
@pytest.mark.parametrize("wanted_db", [-5.0, 0.0, 3.7])
def test_the_ratio_is_met_and_the_target_untouched(kind, wanted_db):
    rng = np.random.default_rng(0)
    target, first, second = rng.normal(size=(3, 4000)) * np.array([[0.1], [0.5], [0.02]])
    mixture, (scaled, other) = mix_sources(target, [first, second], [wanted_db, 1.0], kind)
    assert ratio_db(target, scaled, kind) == pytest.approx(wanted_db, abs=0.01)
    assert ratio_db(target, other, kind) == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(mixture, target + scaled + other)


def test_silence_has_no_ratio():
    signal = np.ones(10)
    np.testing.assert_array_equal(scale_to_ratio(np.zeros(10), signal, 3.0, "rms"), signal)
    np.testing.assert_array_equal(scale_to_ratio(signal, np.zeros(10), 3.0, "rms"), np.zeros(10))


@pytest.mark.parametrize("kind", ["rms", "peak"])
def test_a_pause_is_not_raised_to_the_level_of_speech(kind):
    rng = np.random.default_rng(0)
    target, other = rng.normal(size=(2, 4000)) * 0.1
    other[2000:] *= 1e-4
    pause = scale_to_ratio(target, other[2000:], 0.0, kind, lambda: other)
    raised_db = ratio_db(pause, other[2000:], kind)
    assert raised_db == pytest.approx(ratio_db(target, other, kind) + 15.0, abs=0.01)
    quiet = other * 0.01  # but where the whole recording is quiet its speech is raised
    same = scale_to_ratio(target, quiet[:2000], 0.0, kind)
    np.testing.assert_array_equal(scale_to_ratio(target, quiet[:2000], 0.0, kind, lambda: quiet), same)


def test_unknown_kind_of_level():
    with pytest.raises(ValueError, match="unknown level kind 'loudness'; known: rms, peak"):
        level(np.ones(3), "loudness")


@pytest.mark.parametrize("length, wanted", [(10, 4), (10, 10), (4, 11), (1, 5)])
def test_fit_length_cuts_or_repeats(length, wanted):
    signal = np.arange(length)
    fitted = fit_length(signal, wanted, np.random.default_rng(3))
    assert len(fitted) == wanted
    steps = np.diff(fitted) % length
    np.testing.assert_array_equal(steps, np.full(wanted - 1, 1 % length))  # consecutive, wrapping round


def test_room_keeps_the_direct_path_in_place():
    dry = np.random.default_rng(0).normal(size=500)
    response = np.zeros(60)
    response[20], response[45] = -0.5, 0.1  # the direct path late, negative and quiet; one reflection
    wet = reverberate(dry, response)
    expected = dry.copy()
    expected[25:] += -0.2 * dry[:-25]
    np.testing.assert_allclose(wet, expected, atol=1e-12)
