"""Noise and rooms around a clean signal."""

import math

import numpy as np
import pytest

from espnet_tse.data.acoustic_scene import (
    decaying_response,
    in_room,
    long_term_spectrum,
    shaped_noise,
    with_noise,
)
from espnet_tse.data.mixing import level

RATE = 16000


def low_passed(seed: int, num_samples: int = RATE) -> np.ndarray:
    """(N,) float32 noise whose power falls with frequency, in bursts."""
    white = np.random.default_rng(seed).standard_normal(num_samples)
    smooth = np.convolve(white, np.exp(-np.arange(40) / 8), "same")
    bursts = np.sin(np.linspace(0, 12, num_samples)) > 0
    return (0.02 * smooth * bursts).astype(np.float32)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 5.0, 20.0])
def test_the_ratio_is_met_and_the_signal_keeps_its_level(snr_db):
    signal, noise = low_passed(0), np.random.default_rng(1).standard_normal(RATE)
    noisy = with_noise(signal, noise, snr_db)
    added = noisy - signal
    found = 20 * math.log10(level(signal, "rms") / level(added, "rms"))
    assert abs(found - snr_db) < 0.1
    assert noisy.dtype == np.float32 and np.corrcoef(added, noise)[0, 1] > 0.9999


def test_shaped_noise_has_the_spectrum_of_what_it_is_made_from_and_no_pauses():
    signals = [low_passed(seed) for seed in range(4)] + [low_passed(9, 100)]
    spectrum = long_term_spectrum(signals)
    noise = shaped_noise(spectrum, 10 * RATE, np.random.default_rng(0))
    again = long_term_spectrum([noise])
    gap = 10 * np.log10(again / spectrum)
    assert np.std(gap[2:-2]) < 0.7  # dB; the level is another one
    assert abs(level(noise, "rms") - 1) < 1e-4
    powers = np.square(noise.reshape(20, -1)).mean(axis=1)
    assert powers.min() > 0.7 and powers.max() < 1.4


def test_the_tail_falls_by_60_db_in_the_reverberation_time():
    for rt60_s in (0.2, 0.4, 0.8):
        response = decaying_response(RATE, rt60_s, np.random.default_rng(3))
        assert int(np.abs(response).argmax()) == 0 and len(response) == round(rt60_s * RATE)
        assert abs(np.sum(response**2) - 1) < 1e-9 and abs(response[0] ** 2 - 0.5) < 1e-9
        left = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1])  # energy still to come (Schroeder)
        used = np.arange(len(left))[(left < left[0] - 5) & (left > left[0] - 35)]
        slope = np.polyfit(used / RATE, left[used], 1)[0]
        assert abs(-60 / slope - rt60_s) < 0.1 * rt60_s


def test_a_room_neither_moves_nor_amplifies_and_the_length_stays():
    signal = low_passed(5)
    response = np.concatenate([np.zeros(321), decaying_response(RATE, 0.3, np.random.default_rng(0))])
    wet = in_room(signal, response)
    assert len(wet) == len(signal) and wet.dtype == np.float32
    assert abs(level(wet, "rms") / level(signal, "rms") - 1) < 1e-4
    lags = np.correlate(wet[2000:-2000], signal[1000:-1000], "full")
    assert int(lags.argmax()) - (len(signal[1000:-1000]) - 1) == -1000
    click = np.zeros(RATE, np.float32)
    click[500] = 0.5
    assert int(np.abs(in_room(click, response)).argmax()) == 500


def test_draws_follow_the_generator():
    def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(seed)
        return shaped_noise(np.ones(257), 999, generator), decaying_response(RATE, 0.2, generator)

    for first, again, other in zip(drawn(0), drawn(0), drawn(1)):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_silence_has_no_scene():
    silence, signal = np.zeros(800, np.float32), low_passed(0, 800)
    with pytest.raises(ValueError, match="signal is silent"):
        with_noise(silence, signal, 5.0)
    with pytest.raises(ValueError, match="noise is silent"):
        with_noise(signal, silence, 5.0)
    with pytest.raises(ValueError, match="impulse response is silent"):
        in_room(signal, silence)
    with pytest.raises(ValueError, match="every signal is silent"):
        long_term_spectrum([silence])
