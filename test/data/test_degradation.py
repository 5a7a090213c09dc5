"""Each degradation does what its name says, as often and as much as it should."""

from dataclasses import fields

import numpy as np
import pytest

from espnet_tse.data.degradation import (
    LONGEST_RUN,
    DegradationConf,
    clip,
    code_lossily,
    degraded,
    limit_band,
    longest_run,
    lose_packets,
)

RATE = 16000
NAMES = [field.name for field in fields(DegradationConf)]


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal(2 * RATE + 77).astype(np.float32) * 0.1


def test_nothing_is_the_default(noise):
    assert not DegradationConf()
    assert np.array_equal(degraded(noise, RATE, DegradationConf(), np.random.default_rng(0)), noise)


@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_length_time_and_type(noise, name):
    conf = DegradationConf(**{name: 1.0})
    assert conf
    for seed in range(6):
        out = degraded(noise, RATE, conf, np.random.default_rng(seed))
        assert out.shape == noise.shape and out.dtype == np.float32 and np.isfinite(out).all()
        spectra = np.fft.rfft(out, 2 * len(noise)) * np.fft.rfft(noise, 2 * len(noise)).conj()
        assert np.fft.irfft(spectra).argmax() == 0


@pytest.mark.parametrize(
    "signal", [np.zeros(RATE, np.float32), np.zeros(1, np.float32), np.full(9, 0.5, np.float32)]
)
def test_silence_and_short_signals_pass(signal):
    conf = DegradationConf(*[1.0] * len(NAMES))
    for seed in range(4):
        out = degraded(signal, RATE, conf, np.random.default_rng(seed))
        assert out.shape == signal.shape and np.isfinite(out).all()


def test_the_same_draws_give_the_same(noise):
    conf = DegradationConf(*[0.5] * len(NAMES))
    one, other = (degraded(noise, RATE, conf, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, other)


def test_shares_are_met_and_independent(monkeypatch):
    from espnet_tse.data import degradation

    met = {name: 0 for name in NAMES}
    functions = {
        "bandwidth": "limit_band",
        "packet_loss": "lose_packets",
        "lossy_codec": "code_lossily",
        "clipping": "clip",
    }
    for name, function in functions.items():

        def count(signal, rate, generator, name=name):
            met[name] += 1
            return signal

        monkeypatch.setattr(degradation, function, count)
    conf, number = DegradationConf(0.3, 0.3, 0.1, 0.5), 4000
    generator = np.random.default_rng(0)
    for _ in range(number):
        degraded(np.zeros(4, np.float32), RATE, conf, generator)
    for name in NAMES:
        share = getattr(conf, name)
        assert abs(met[name] / number - share) < 3 * np.sqrt(share * (1 - share) / number)


def test_nothing_is_left_above_the_new_band(noise):
    seen = set()
    for seed in range(20):
        out = limit_band(noise, RATE, np.random.default_rng(seed))
        power = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
        frequency = np.fft.rfftfreq(len(out), 1 / RATE)
        rate = (
            16000
            if np.array_equal(out, noise)
            else 8000 if power[(frequency > 2500) & (frequency < 3500)].mean() > 1 else 4000
        )
        seen.add(rate)
        if rate < RATE:
            above = power[frequency > 1.15 * rate / 2].mean() / power[frequency < 0.8 * rate / 2].mean()
            assert 10 * np.log10(above) < -40
    assert seen == {4000, 8000, 16000}


def test_samples_beyond_the_quantiles_are_clipped(noise):
    out = clip(noise, RATE, np.random.default_rng(0))
    low, high = out.min(), out.max()
    assert 0 < (noise < low).mean() <= 0.1 and 0 < (noise > high).mean() <= 0.1
    inside = (noise >= low) & (noise <= high)
    assert np.array_equal(out[inside], noise[inside])


@pytest.mark.parametrize("floor", [0.0, 1e-4])
def test_speech_in_a_mixture_of_pauses_is_clipped_as_it_is_alone(noise, floor):
    speech = noise[:RATE]
    pausing = np.concatenate([np.full(9 * RATE, floor, np.float32), speech])
    for seed in range(4):
        out = clip(pausing, RATE, np.random.default_rng(seed))
        assert np.array_equal(out[9 * RATE :], clip(speech, RATE, np.random.default_rng(seed)))


def test_packets_are_lost_on_their_grid_at_the_drawn_share(noise):
    size = round(0.02 * RATE)
    for seed in range(40):
        out = lose_packets(noise, RATE, np.random.default_rng(seed))
        packets = [out[start : start + size] for start in range(0, len(out), size)]
        lost = np.array([not packet.any() for packet in packets])
        wanted = round(np.random.default_rng(seed).uniform(0.05, 0.25) * len(packets))
        assert abs(lost.sum() - wanted) <= 1 and longest_run(lost) <= LONGEST_RUN
        kept = np.repeat(~lost, size)[: len(noise)]
        assert np.array_equal(out[kept], noise[kept])


def test_a_lossy_codec_changes_little_of_a_tone_and_much_of_noise(noise):
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32) * 0.3

    def ratio_db(signal):
        error = code_lossily(signal, RATE, np.random.default_rng(0)) - signal
        return 10 * np.log10(np.mean(signal**2) / np.mean(error**2))

    assert ratio_db(tone) > 15 and 0 < ratio_db(noise) < ratio_db(tone)
