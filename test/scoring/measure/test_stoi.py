import numpy as np
import pytest

from espnet_tse.scoring.measure.failure import MetricFault
from espnet_tse.scoring.measure.stoi import stoi


def test_known_values(speech, noisy):
    assert stoi(speech, speech, 16000, extended=False) == pytest.approx(1.0, abs=1e-6)
    assert stoi(speech, speech, 16000, extended=True) == pytest.approx(1.0, abs=1e-6)
    assert stoi(speech, noisy, 16000, extended=False) == pytest.approx(0.9427, abs=1e-3)
    assert stoi(speech, noisy, 16000, extended=True) == pytest.approx(0.4480, abs=1e-3)


def test_digital_silence_gives_the_same_bits_twice_and_leaves_numpys_generator_alone(speech):
    estimate = speech.copy()
    estimate[40000:] = 0
    np.random.seed(123)
    expected = np.random.rand(2)
    np.random.seed(123)
    values = [stoi(speech, estimate, 16000, extended=True)]
    drawn = [np.random.rand()]
    values.append(stoi(speech, estimate, 16000, extended=True))
    drawn.append(np.random.rand())
    assert values[0] == values[1]
    assert drawn == list(expected)


def test_too_little_speech_is_a_fault_of_the_data(speech):
    with pytest.raises(MetricFault, match="30 active frames") as error:
        stoi(speech[:4500], speech[:4500], 16000, extended=False)
    assert error.value.fault.kind == "ref"


@pytest.mark.parametrize("rate", [8000, 10000, 16000, 44100])
@pytest.mark.parametrize("extended", [False, True])
def test_equals_the_package_at_the_signals_own_rate(rate, extended):
    """pystoi 0.4.1, ``stoi(target, estimate, rate, extended=extended)``, which resamples to 10 kHz itself."""
    pystoi = pytest.importorskip("pystoi", reason="pip install -e '.[score]'")
    rng = np.random.default_rng(rate)
    target = rng.standard_normal(2 * rate) * np.abs(np.sin(np.arange(2 * rate) * 9 / rate))
    estimate = target + 0.5 * rng.standard_normal(2 * rate)
    expected = pystoi.stoi(target, estimate, rate, extended=extended)
    assert stoi(target, estimate, rate, extended) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("extended", [False, True])
def test_equals_the_package_where_the_estimate_is_silent(speech, noisy, extended, monkeypatch):
    """The noise that pystoi adds is that of numpy's global generator, seeded with 0."""
    pystoi = pytest.importorskip("pystoi", reason="pip install -e '.[score]'")
    estimate = noisy.copy()
    estimate[20000:60000] = 0
    monkeypatch.setattr(np.random, "standard_normal", np.random.RandomState(0).standard_normal)
    expected = pystoi.stoi(speech, estimate, 16000, extended=extended)
    assert stoi(speech, estimate, 16000, extended) == pytest.approx(expected, abs=1e-9)


def test_both_share_the_bands_of_one_pair_only(speech, noisy):
    alone = stoi(speech, noisy, 16000, extended=True)
    stoi(speech, speech, 16000, extended=False)
    assert stoi(speech, noisy, 16000, extended=True) == alone
