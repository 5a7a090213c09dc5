"""Other microphones."""

import numpy as np

from espnet_tse.data.equalizer import equalized


def gain_db(shaped: np.ndarray, signal: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.abs(np.fft.rfft(shaped)) / np.abs(np.fft.rfft(signal)))


def test_gains_are_smooth_and_bounded_and_the_level_stays():
    signal = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    for seed in range(20):
        shaped = equalized(signal, 16000, 6.0, np.random.default_rng(seed))
        gains = gain_db(shaped, signal)[100:-1]
        assert shaped.dtype == np.float32 and len(shaped) == 16000
        assert np.ptp(gains) <= 12.01 and np.ptp(gains) > 1 and np.abs(np.diff(gains)).max() < 0.3
        assert np.isclose(np.square(shaped).sum(), np.square(signal).sum(), rtol=1e-4)


def test_nothing_is_delayed_and_silence_stays():
    impulse = np.zeros(8001, dtype=np.float32)
    impulse[4000] = 1.0
    assert np.abs(equalized(impulse, 16000, 6.0, np.random.default_rng(1))).argmax() == 4000
    assert not equalized(np.zeros(100, dtype=np.float32), 16000, 6.0, np.random.default_rng(1)).any()
