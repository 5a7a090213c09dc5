"""What is told of recordings before they are extracted."""

import numpy as np
import soundfile
from tse_system import write_signal

from espnet_tse.io.audio_entry import read_info
from espnet_tse.tasks.extraction_lists import read_enrollment
from espnet_tse.tasks.recording_faults import warn_of_low_rates, warn_of_own_enrollments

RATE = 16000


def test_a_mixture_that_enrolls_itself_is_told(tmp_path, caplog):
    write_signal(tmp_path / "a.wav", 0.1 * np.sin(np.arange(RATE)))
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    mixture, link = str(tmp_path / "a.wav"), str(tmp_path / "link.wav")
    warn_of_own_enrollments({"a": (mixture, "b.wav"), "ark": ("x.ark:12", "x.ark:99")})
    assert not caplog.text
    warn_of_own_enrollments({"a": (mixture, "b.wav"), "b": (mixture, link), "ark": ("x.ark:12", "x.ark:12")})
    assert "b and 1 other mixtures: mixture and enrollment are one recording" in caplog.text


def test_a_rate_below_the_models_is_told(tmp_path, caplog):
    for rate in (8000, 16000, 44100):
        soundfile.write(tmp_path / f"{rate}.wav", np.zeros(10), rate)
    infos = {path.stem: read_info(str(path)) for path in sorted(tmp_path.iterdir())}
    warn_of_low_rates({key: infos[key] for key in ("16000", "44100")}, RATE)
    assert not caplog.text
    warn_of_low_rates(infos, RATE)
    assert "8000: a lower rate, 8000 Hz, than the model's 16000 Hz" in caplog.text


def test_an_enrollment_has_no_more_band_than_its_mixture(tmp_path):
    path = str(tmp_path / "enrollment.wav")
    write_signal(tmp_path / "enrollment.wav", np.random.default_rng(0).normal(0, 0.1, 2 * RATE))
    whole = soundfile.read(path, dtype="float32")[0]
    np.testing.assert_array_equal(read_enrollment(path, "enrollment", RATE, 44100), whole)
    power = np.abs(np.fft.rfft(read_enrollment(path, "enrollment", RATE, 8000))) ** 2
    assert len(power) == RATE + 1 and power[9000:].sum() < 1e-4 * power[:8000].sum()
