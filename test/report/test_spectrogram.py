import io

import numpy as np
import pytest
from PIL import Image

from espnet_tse.report.spectrogram import MAX_COLUMNS, spectrogram_db, spectrogram_png


def tone(frequency: float, amplitude: float, duration_s: float = 1.0, sample_rate: int = 16000) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(duration_s * sample_rate)) / sample_rate)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
@pytest.mark.parametrize("amplitude, level", [(1.0, 0.0), (0.1, -20.0)])
def test_level_is_relative_to_a_full_scale_sine(sample_rate, amplitude, level):
    db = spectrogram_db(tone(1000, amplitude, sample_rate=sample_rate), sample_rate)
    np.testing.assert_allclose(db.max(axis=0), level, atol=0.1)
    assert (db.argmax(axis=0) == 20).all()  # 1000 Hz at 50 Hz a bin


def test_frequencies_above_8_khz_are_cut():
    assert spectrogram_db(tone(100, 1, sample_rate=44100), 44100).shape[0] == 161
    assert spectrogram_db(tone(100, 1, sample_rate=8000), 8000).shape[0] == 81


@pytest.mark.parametrize("num_samples", [1, 319, 320, 5000, 16000 * 61])
def test_any_length_fits(num_samples):
    db = spectrogram_db(np.ones(num_samples), 16000)
    assert 1 <= db.shape[1] <= MAX_COLUMNS
    assert np.isfinite(db).all()


def test_a_click_in_a_long_signal_is_seen():
    samples = np.zeros(16000 * 60)
    samples[700000] = 1.0
    db = spectrogram_db(samples, 16000)
    assert db.max(axis=0).argmax() == pytest.approx(db.shape[1] * 700000 / samples.size, abs=2)


def test_empty_signal_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        spectrogram_db(np.zeros(0), 16000)


def test_picture_has_low_frequencies_at_the_bottom_and_one_scale():
    loud = np.asarray(Image.open(io.BytesIO(spectrogram_png(tone(500, 0.5), 16000))))
    quiet = np.asarray(Image.open(io.BytesIO(spectrogram_png(tone(500, 0.05), 16000))))
    assert loud.shape[0] == 161
    assert (loud.argmax(axis=0) == 160 - 10).all()
    assert loud.max() > quiet.max()
