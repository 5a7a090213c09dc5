import numpy as np
import pytest
from scipy.signal import resample_poly

from espnet_tse.io.audio import resample, resampled_blocks


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(801,), (801, 2)])
def test_resampling_keeps_precision_and_runs_along_the_first_axis(precision, shape):
    signal = np.random.default_rng(0).standard_normal(shape).astype(precision)
    wanted = resample(signal, 22050, 16000)
    assert wanted.dtype == precision and wanted.shape == (582, *shape[1:])  # ceil(801 * 16000 / 22050)
    np.testing.assert_array_equal(wanted, resample_poly(signal, 320, 441))


def test_the_same_rate_is_the_same_signal():
    signal = np.ones(3, np.float32)
    assert resample(signal, 8000, 8000) is signal


def test_a_tone_below_both_rates_stays():
    time = np.arange(16000) / 16000
    tone = resample(np.sin(2 * np.pi * 1000 * time), 16000, 8000)
    np.testing.assert_allclose(tone[400:-400], np.sin(2 * np.pi * 1000 * time[::2])[400:-400], atol=2e-3)


@pytest.mark.parametrize(
    "rate, wanted", [(44100, 16000), (16000, 44100), (8000, 16000), (48000, 16000), (16000, 16000)]
)
@pytest.mark.parametrize("num_samples", [1, 1000, 300_001])
def test_blocks_are_resampled_as_the_whole_signal_is(rate, wanted, num_samples):
    signal = np.random.default_rng(0).standard_normal(num_samples).astype(np.float32)
    cuts = np.sort(np.random.default_rng(1).integers(0, num_samples, 9))
    joined = np.concatenate([*resampled_blocks(np.split(signal, cuts), rate, wanted)])
    np.testing.assert_allclose(joined, resample(signal, rate, wanted), atol=1e-5)
