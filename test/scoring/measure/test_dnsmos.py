import numpy as np
import pytest

from espnet_tse.scoring.measure.dnsmos import DNSMOS, WINDOW, p808_powers, split_windows
from espnet_tse.scoring.measure.weights import find_weight


@pytest.fixture(scope="module")
def dnsmos():
    return DNSMOS(find_weight("dnsmos_primary"), find_weight("dnsmos_p808"))


def test_known_values(dnsmos, speech, noisy):
    assert dnsmos(speech) == pytest.approx([1.7711, 3.3938, 1.6546, 2.4348], abs=2e-3)
    assert dnsmos(noisy) == pytest.approx([2.9871, 1.6643, 1.5634, 2.5461], abs=2e-3)
    assert dnsmos(speech[:48000]) == pytest.approx([1.8032, 3.4128, 1.6776, 2.4316], abs=2e-3)


@pytest.mark.parametrize(
    "num_samples, pause, model_type",
    [
        pytest.param(48_000, (0, 0), "dnsmos", id="doubled"),
        pytest.param(WINDOW, (0, 0), "dnsmos", id="one window"),
        pytest.param(WINDOW + 1, (0, 9000), "dnsmos", id="a sample more"),
        pytest.param(193_000, (5000, 100_000), "dnsmos", id="pauses"),
        pytest.param(193_000, (5000, 100_000), "dnsmos_personalized", id="personalised"),
    ],
)
def test_values_are_those_of_speechmos(num_samples, pause, model_type, speech, dnsmos, monkeypatch):
    from speechmos import dnsmos as theirs

    # Its window ends are rounded one sample short from the eighth on, and those windows dropped.
    monkeypatch.setattr(theirs, "INPUT_LENGTH", theirs.INPUT_LENGTH + 1e-9)
    samples = np.tile(speech, 3)[:num_samples]
    samples[slice(*pause)] = 0
    named = theirs.run(samples, sr=16000, model_type=model_type)
    wanted = [named[f"{name}_mos"] for name in ("sig", "bak", "ovrl", "p808")]
    if model_type == "dnsmos":
        assert dnsmos(samples) == pytest.approx(wanted, abs=1e-5)
    else:
        personalised = DNSMOS(find_weight("pdnsmos"), None, personalised=True)
        assert personalised(samples) == pytest.approx(wanted[:3], abs=1e-5)


def test_digital_silence_misleads_the_network(dnsmos):
    # The reason why silent estimates get the penalty without being asked about.
    assert dnsmos(np.zeros(80000)) == pytest.approx([2.5136, 3.4724, 1.8399, 2.1468], abs=2e-3)


def test_features_of_a_window_do_not_depend_on_the_one_before(speech):
    windows = split_windows(np.tile(speech, 3)[:200_000])
    alone = [next(p808_powers([window])) for window in windows]
    assert len(alone) == 3 and alone[0].shape == (900, 120)
    np.testing.assert_allclose(list(p808_powers(windows)), alone, rtol=1e-9, atol=1e-12)


def test_personalised_has_no_p808(speech):
    scores = DNSMOS(find_weight("pdnsmos"), None, personalised=True)(speech)
    assert len(scores) == 3 and np.isfinite(scores).all()


@pytest.mark.parametrize(
    "seconds, count",
    [(2, 7), (3, 3), (4, 7), (4.5, 9), (4.6, 1), (5, 1), (6, 3), (7, 5), (8, 7), (9, 9), (10, 1)]
    + [(11, 2), (12, 3), (15, 6), (20, 11)],
)
def test_number_of_windows(seconds, count):
    windows = split_windows(np.zeros(int(seconds * 16000)))
    assert [len(window) for window in windows] == [WINDOW] * count


def test_short_input_is_appended_to_itself():
    ramp = np.linspace(-0.5, 0.5, 100000)
    np.testing.assert_array_equal(
        split_windows(ramp)[1], np.tile(ramp, 2)[16000 : 16000 + WINDOW].astype(np.float32)
    )


def test_values_beyond_full_scale_are_clipped():
    assert np.abs(split_windows(np.full(WINDOW, 3.0))[0]).max() == 1.0


def test_empty_input_returns_at_once():
    with pytest.raises(ValueError, match="at least one sample"):
        split_windows(np.zeros(0))
