"""LibriMix's audio against its published operations, worked out here in another way.

What is expected follows ``scripts/create_librimix_from_metadata.py`` of github.com/JorisCos/LibriMix (commits bed26f44 and
09d4b8a2) and what libsndfile does to floats that are written as 16 bits. The script itself was run beside this package once:
96 files of both rates, both lengths and all kinds were the same to the last byte (NumPy 2.4.6, SciPy 1.17.1, pandas 3.1.1).
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.data.librimix.generation import write_pcm16
from espnet_tse.data.librimix.metadata import MixtureSpec, Part
from espnet_tse.data.librimix.signals import FADE, extend_noise, make_signals, mixture_length, source_length
from espnet_tse.io.scp import DataError

GAINS = (0.7925878276419455, 1.2142791008161834, 1.1114428047969456)
LENGTHS = (30001, 24000)
NOISE_LENGTH = 17000  # too short: it is extended twice


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> tuple[Path, list[np.ndarray]]:
    """Two utterances and a noise of two channels; the 16-bit values of all three."""
    root = tmp_path_factory.mktemp("signals")
    rng = np.random.default_rng(3)
    values = [rng.integers(-9000, 9000, length, dtype=np.int16) for length in LENGTHS]
    noise = rng.integers(-9000, 9000, (NOISE_LENGTH, 2), dtype=np.int16)
    for path, signal in zip(("a.flac", "b.flac", "n.wav"), (*values, noise), strict=True):
        soundfile.write(root / path, signal, 16000)
    return root, [*values, noise[:, 0]]


SPEC = MixtureSpec("a_b", (Part("a.flac", GAINS[0]), Part("b.flac", GAINS[1])), Part("n.wav", GAINS[2]))


def as_single(values: np.ndarray, gain: float) -> np.ndarray:
    """16-bit values as a fraction of full scale times a gain, every step rounded to 24 bits."""
    return (values.astype(np.float32) / np.float32(32768)) * np.float32(gain)


def to_16_bit(signal: np.ndarray) -> np.ndarray:
    """What a 16-bit file holds: full scale is 2^31, and the lower 16 bits are cut off, so values go down."""
    scale = 2.0**31 if signal.dtype == np.float32 else 2.0**31 - 1  # libsndfile's constants
    return np.rint(signal.astype(np.float64) * scale).astype(np.int64) >> 16


def extended_by_hand(noise: np.ndarray, length: int) -> np.ndarray:
    """Repetitions that overlap by half a second, sample by sample."""
    period = len(noise) - FADE
    repetitions = -(-(length - len(noise)) // period)  # beyond the first; the last one is not faded out
    extended = np.zeros(length)
    for index in range(length):
        number = min(index // period, repetitions)
        place = index - number * period
        if number and place < FADE:  # the end of one repetition under the beginning of the next
            share = 0.5 - 0.5 * np.cos(np.pi * place / (FADE - 1))
            extended[index] = noise[period + place] * (1 - share) + noise[place] * share
        else:
            extended[index] = noise[place]
    return extended


def halved_by_hand(signal: np.ndarray) -> np.ndarray:
    """Every second sample behind a windowed sinc of 41 taps and half the band (SciPy's documented default)."""
    taps = np.arange(-20, 21)
    window = np.sinc(taps / 2) * np.kaiser(41, 5.0)
    padded = np.pad(signal.astype(np.float64), 20)
    return np.convolve(padded, window / window.sum(), mode="valid")[::2]


def expected_sources(values: list[np.ndarray]) -> list[np.ndarray]:
    """Both voices and the noise at 16 kHz, uncut."""
    noise = extended_by_hand(values[2].astype(np.float32).astype(np.float64) / 32768, max(LENGTHS)) * GAINS[2]
    return [as_single(values[0], GAINS[0]), as_single(values[1], GAINS[1]), noise]


def written(tmp_path: Path, signals: dict[str, np.ndarray], rate: int) -> dict[str, np.ndarray]:
    """What files of the signals hold, as integers."""
    found = {}
    for name, signal in signals.items():
        write_pcm16(tmp_path / f"{name}.wav", signal, rate)
        found[name] = soundfile.read(tmp_path / f"{name}.wav", dtype="int16")[0].astype(np.int64)
    return found


@pytest.mark.parametrize("mode", ["min", "max"])
def test_files_at_16_khz_are_those_of_the_published_operations(corpus, tmp_path, mode):
    root, values = corpus
    found = written(tmp_path, make_signals(SPEC, root, root, 16000, mode, ("clean", "both", "single")), 16000)
    length = {"min": min(LENGTHS), "max": max(LENGTHS)}[mode]
    one, two, noise = (np.pad(s, (0, max(LENGTHS) - len(s)))[:length] for s in expected_sources(values))
    clean = one + two  # single precision
    expected = {"s1": one, "s2": two, "noise": noise, "mix_clean": clean}
    expected["mix_both"] = (clean.astype(np.float64) + noise).astype(np.float32)
    expected["mix_single"] = (one.astype(np.float64) + noise).astype(np.float32)
    assert found.keys() == expected.keys()
    for name, signal in expected.items():
        np.testing.assert_array_equal(found[name], to_16_bit(signal), err_msg=name)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_files_at_8_khz_are_those_of_the_published_filter(corpus, tmp_path, mode):
    root, values = corpus
    found = written(tmp_path, make_signals(SPEC, root, root, 8000, mode, ("both",)), 8000)
    length = {"min": 12000, "max": 15001}[mode]
    halved = [halved_by_hand(signal) for signal in expected_sources(values)]
    halved = [np.pad(s, (0, 15001 - len(s)))[:length] for s in halved]
    for name, signal in zip(("s1", "s2", "noise", "mix_both"), (*halved, sum(halved)), strict=True):
        difference = found[name] - to_16_bit(signal)
        assert len(difference) == length
        # The filter runs in single precision there: a value now and then lies on the other side of a step.
        assert np.abs(difference).max() <= 1 and np.mean(difference != 0) < 0.02, name


def test_noise_that_lasts_stays_as_it_is_and_a_short_one_is_refused(corpus):
    root, values = corpus
    noise = np.arange(20000, dtype=np.float32)
    assert extend_noise(noise, 15000) is not noise and extend_noise(noise, 15000).dtype == np.float32
    np.testing.assert_array_equal(extend_noise(noise, 15000), noise[:15000])
    soundfile.write(root / "short.wav", np.zeros((FADE, 2)), 16000)
    spec = MixtureSpec("a_b", SPEC.sources, Part("short.wav", 1.0))
    with pytest.raises(DataError, match="short.wav' has 8001 samples, too few to be extended"):
        make_signals(spec, root, root, 16000, "max", ("both",))


def test_lengths_are_known_from_headers(corpus):
    root, _ = corpus
    lengths = [source_length(root, part, "a_b") for part in SPEC.sources]
    for rate in (8000, 16000):
        for mode in ("min", "max"):
            made = make_signals(SPEC, root, None, rate, mode, ("clean",))
            assert {len(signal) for signal in made.values()} == {mixture_length(lengths, rate, mode)}


@pytest.mark.parametrize("fault, message", [("rate", "1 channel\\(s\\) at 8000 Hz"), ("gone", "a.flac")])
def test_a_wrong_corpus_is_named(corpus, tmp_path, fault, message):
    _, values = corpus
    if fault == "rate":
        soundfile.write(tmp_path / "a.flac", values[0], 8000)
    soundfile.write(tmp_path / "b.flac", values[1], 16000)
    with pytest.raises(DataError, match=f"a_b: .*{message}"):
        make_signals(SPEC, tmp_path, None, 16000, "min", ("clean",))
    with pytest.raises(DataError, match=f"a_b: .*{message}"):
        source_length(tmp_path, SPEC.sources[0], "a_b")
