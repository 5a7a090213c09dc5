import numpy as np
import pytest

from espnet_tse.scoring.measure.mel import mel_filters, mel_power


def slow_filters(rate, n_fft, bands):
    """Triangles of the Slaney scale, written point by point."""
    step = np.log(6.4) / 27
    top = 15 + np.log(rate / 2 / 1000) / step
    mels = [top * i / (bands + 1) for i in range(bands + 2)]
    edges = [m * 200 / 3 if m < 15 else 1000 * np.exp(step * (m - 15)) for m in mels]
    filters = np.zeros((bands, n_fft // 2 + 1))
    for band in range(bands):
        left, centre, right = edges[band : band + 3]
        for k in range(n_fft // 2 + 1):
            hz = k * rate / n_fft
            if left < hz < right:
                height = (hz - left) / (centre - left) if hz <= centre else (right - hz) / (right - centre)
                filters[band, k] = height * 2 / (right - left)
    return filters


@pytest.mark.parametrize("n_fft, bands", [(400, 40), (321, 120)])
def test_filters_agree_with_the_slow_version(n_fft, bands):
    np.testing.assert_allclose(
        mel_filters(16000, n_fft, bands), slow_filters(16000, n_fft, bands), atol=1e-12
    )


def test_power_of_a_frame(speech):
    mel = mel_power(speech[:1600], 16000, n_fft=400, hop=160, num_bands=40)
    assert mel.shape == (11, 40)
    frame = speech[3 * 160 - 200 : 3 * 160 + 200] * np.hanning(401)[:400]
    power = np.abs(np.fft.fft(frame)[:201]) ** 2
    np.testing.assert_allclose(mel[3], slow_filters(16000, 400, 40) @ power, rtol=1e-9)


def test_number_of_frames_of_an_odd_transform():
    assert mel_power(np.ones(144000), 16000, n_fft=321, hop=160, num_bands=120).shape == (900, 120)
