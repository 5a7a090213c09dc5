import numpy as np
import pytest

from espnet_tse.scoring.measure.align import best_lag, shift


@pytest.mark.parametrize("lag", [-1600, -37, 0, 5, 160, 1599])
@pytest.mark.parametrize("sign", [1, -1])
def test_lag_is_found_exactly(speech, noisy, lag, sign):
    assert best_lag(speech, sign * np.roll(speech, lag)) == lag
    assert best_lag(speech, np.roll(noisy, lag)) == lag


@pytest.mark.parametrize("lag", [-3, 0, 2, 5, -9])
def test_shift_fills_with_zeros_and_never_wraps(lag):
    samples = np.arange(1.0, 6.0)
    expected = [samples[i + lag] if 0 <= i + lag < 5 else 0.0 for i in range(5)]
    np.testing.assert_array_equal(shift(samples, lag), expected)
