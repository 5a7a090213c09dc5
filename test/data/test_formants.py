import numpy as np
import pytest
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from espnet_tse.data.formants import move_formants

RATE = 16000
PITCH, FORMANTS = 100, (700.0, 2200.0)  # Hz


def vowel(seconds: float = 1.0) -> np.ndarray:
    """Pulses through two resonances."""
    signal = np.zeros(round(seconds * RATE))
    signal[:: RATE // PITCH] = 1.0
    for frequency in FORMANTS:
        radius = np.exp(-np.pi * 90 / RATE)
        signal = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2], signal)
    return (0.1 * signal / signal.std()).astype(np.float32)


def formants(signal: np.ndarray) -> np.ndarray:
    """Frequencies of the two resonances (Hz), by linear prediction."""
    correlation = np.array([signal[: len(signal) - lag] @ signal[lag:] for lag in range(5)])
    roots = np.roots([1.0, *-solve_toeplitz(correlation[:4], correlation[1:])])
    return np.sort(np.angle(roots[roots.imag > 0])) * RATE / (2 * np.pi)


@pytest.mark.parametrize("factor", [0.85, 1.18])
def test_formants_move_and_the_pitch_stays(factor):
    signal = vowel()
    moved = move_formants(signal, RATE, factor)
    assert moved.shape == signal.shape and moved.dtype == signal.dtype
    assert formants(signal) == pytest.approx(FORMANTS, rel=0.02)
    # What is sharper than the smooth envelope stays behind a little.
    shares = (formants(moved) / formants(signal) - 1) / (factor - 1)
    assert (shares > 0.5).all() and (shares < 1.05).all()
    correlation = np.correlate(moved[4000:12000], moved[4000:12000], mode="full")[7999:]
    assert abs(correlation[64:400].argmax() + 64 - RATE // PITCH) <= 1
    assert np.square(moved).mean() == pytest.approx(np.square(signal).mean(), rel=1e-4)


def test_a_factor_of_one_changes_nothing():
    signal = vowel(0.3)
    np.testing.assert_allclose(move_formants(signal, RATE, 1.0), signal, atol=1e-5)


@pytest.mark.parametrize("num_samples", [1, 300, 1025])
def test_short_signals_and_silence(num_samples):
    signal = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    moved = move_formants(signal, RATE, 1.1)
    assert moved.shape == signal.shape and np.isfinite(moved).all()
    assert not move_formants(np.zeros_like(signal), RATE, 1.1).any()
