import numpy as np
import pytest

from espnet_tse.scoring.measure.align import best_lag, earlier, shift
from espnet_tse.scoring.measure.audio import Signal


@pytest.mark.parametrize("lag", [-1600, -37, 0, 5, 160, 1599])
@pytest.mark.parametrize("sign", [1, -1])
def test_lag_is_found_exactly(speech, noisy, lag, sign):
    assert best_lag(speech, sign * np.roll(speech, lag), 16000) == lag
    assert best_lag(speech, np.roll(noisy, lag), 16000) == lag


def test_lags_are_sought_within_a_tenth_of_a_second(speech):
    assert best_lag(speech, np.roll(speech, 1600), 8000) != 1600
    assert best_lag(speech, np.roll(speech, 800), 8000) == 800


@pytest.mark.parametrize("lag", [-3, 0, 2, 5, -9])
def test_shift_fills_with_zeros_and_never_wraps(lag):
    samples = np.arange(1.0, 6.0)
    expected = [samples[i + lag] if 0 <= i + lag < 5 else 0.0 for i in range(5)]
    np.testing.assert_array_equal(shift(samples, lag), expected)


def test_what_a_signal_was_resampled_from_moves_along(speech):
    read = Signal(np.roll(speech, 320), 16000, 16000, 1)
    moved = earlier(read.converted(8000), 160)
    assert (moved.rate, moved.source_rate) == (8000, 16000)
    np.testing.assert_array_equal(moved.at(16000).samples[:-320], speech[:-320])
    assert best_lag(moved.samples, read.at(8000).samples, 8000) == 160
