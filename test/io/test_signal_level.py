import numpy as np
import pytest

from espnet_tse.io.signal_level import SignalLevel


def test_statistics_are_those_of_the_whole_signal():
    signal = np.random.default_rng(0).standard_normal(30_000).astype(np.float32) + np.float32(0.3)
    level = SignalLevel()
    parts = np.array_split(signal, 7)
    assert all(map(np.array_equal, level.of(parts), parts))
    level.add(signal[:0])
    assert level.num_samples == 30_000
    assert level.mean == pytest.approx(signal.mean(), rel=1e-5)
    assert level.std == pytest.approx(signal.std(), rel=1e-5)
    assert level.norm() == pytest.approx(np.linalg.norm(signal), rel=1e-6)
    assert level.peak() == pytest.approx(np.abs(signal).max())
    without = signal - signal.mean()
    assert level.norm(level.mean) == pytest.approx(np.linalg.norm(without), rel=1e-5)
    assert level.peak(level.mean) == pytest.approx(np.abs(without).max(), rel=1e-5)


def test_of_nothing():
    assert (SignalLevel().peak(), SignalLevel().mean, SignalLevel().std) == (0.0, 0.0, 0.0)
