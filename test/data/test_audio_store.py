"""Audio and codes by key."""

import numpy as np
import pytest
import soundfile

from espnet_tse.data import audio_store
from espnet_tse.data.audio_files import read_samples
from espnet_tse.data.audio_store import AudioStore
from espnet_tse.io.scp import DataError


def ramp(num_samples: int) -> np.ndarray:
    return np.arange(num_samples) / 32768


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_cached_and_uncached_samples_are_equal(dirs, subtype):
    paths = {"a": dirs.wav("a", ramp(500), subtype=subtype), "b": dirs.wav("b", ramp(50), subtype=subtype)}
    cached, uncached = AudioStore(paths, cache=True), AudioStore(paths, cache=False)
    assert cached.cached and not uncached.cached
    assert cached.sample_rate == dirs.rate
    for store in (cached, uncached):
        np.testing.assert_array_equal(store.load("a", 100, 30), ramp(500)[100:130].astype(np.float32))
        assert len(store.load("b")) == 50
    for wanted in (20, 170):
        spans = [s.load_fitted("b", wanted, np.random.default_rng(5)) for s in (cached, uncached)]
        np.testing.assert_array_equal(*spans)
        assert len(spans[0]) == wanted and spans[0].dtype == np.float32


def test_spans_of_opus_do_not_depend_on_the_cache(tmp_path):
    times = np.arange(48000) / 48000
    voice = 0.5 * np.sin(2 * np.pi * 150 * times) * np.sin(2 * np.pi * 4 * times) ** 2
    soundfile.write(tmp_path / "a.ogg", voice, 48000, format="OGG", subtype="OPUS")
    stores = [AudioStore({"a": str(tmp_path / "a.ogg")}, cache=cache) for cache in (True, False)]
    np.testing.assert_array_equal(*(store.load("a", 20000, 5000) for store in stores))


def test_loaded_samples_are_a_copy(dirs):
    store = AudioStore({"a": dirs.wav("a", ramp(100), subtype="FLOAT")}, cache=True)
    store.load("a")[:] = 7
    assert store.load("a").max() < 1


def test_the_budget_decides(dirs):
    paths = {"a": dirs.wav("a", ramp(500))}
    assert AudioStore(paths, cache=True, budget=1000).cached
    assert not AudioStore(paths, cache=True, budget=999).cached


def test_faults_name_the_key(dirs, tmp_path):
    good = dirs.wav("good", ramp(100))
    (tmp_path / "text.wav").write_text("no audio")
    cases = [
        (
            dirs.wav("fast", ramp(10), rate=16000),
            "bad: .*has 1 channel.* at 16000 Hz, but 'good' has 8000 Hz",
        ),
        (dirs.wav("stereo", np.zeros((10, 2))), "bad: .*has 2 channel"),
        (tmp_path / "text.wav", "bad: .*cannot be read as audio"),
        (tmp_path / "none.wav", "bad: .*none.wav': no such file; fix its line"),
    ]
    for path, message in cases:
        with pytest.raises(DataError, match=message):
            AudioStore({"good": good, "bad": path}, cache=False)
    with pytest.raises(DataError, match="no audio is listed"):
        AudioStore({}, cache=False)
    with pytest.raises(DataError, match="k: .*ends before sample 120"):
        read_samples(good, "k", dirs.rate, 90, 30)
    with pytest.raises(DataError, match="k: .*mono at 16000 Hz is wanted"):
        read_samples(good, "k", 16000)


@pytest.fixture
def headers_read(monkeypatch):
    """Keys whose headers are read, at most two at once of a list with lengths."""
    keys = []
    plain = audio_store.read_info
    monkeypatch.setattr(audio_store, "read_info", lambda path, key: (keys.append(key), plain(path, key))[1])
    monkeypatch.setattr(audio_store, "PROBES", 2)
    return keys


def test_lengths_that_are_listed_are_not_read_again(dirs, headers_read):
    paths = {name: dirs.wav(name, ramp(100 + place)) for place, name in enumerate("abcdefgh")}
    lengths = {name: 100 + place for place, name in enumerate("abcdefgh")}
    store = AudioStore(paths, cache=False, lengths=lengths)
    assert [store.num_samples(name) for name in "abcdefgh"] == list(lengths.values())
    assert set(headers_read) == {"a", "e"}
    np.testing.assert_array_equal(store.load("c"), ramp(102).astype(np.float32))
    assert set(headers_read) == {"a", "e"}
    headers_read.clear()
    AudioStore(paths, cache=False)
    assert set(headers_read) == set("abcdefgh")


def test_lengths_that_are_not_listed_are_read_when_they_are_asked_for(dirs, headers_read):
    paths = {name: dirs.wav(name, ramp(100)) for name in "abcdefgh"}
    store = AudioStore(paths, cache=False, lengths={name: 100 for name in "abcdefg"})
    assert "h" not in headers_read
    assert store.num_samples("h") == 100 and "h" in headers_read


def test_no_more_headers_are_read_than_tell_that_the_audio_is_too_much(dirs, headers_read):
    paths = {name: dirs.wav(name, ramp(100)) for name in "abcdefgh"}
    assert not AudioStore(paths, cache=True, budget=900, lengths={"a": 100}).cached
    assert set(headers_read) == set("aebcd")  # of 200 bytes each
    headers_read.clear()
    assert not AudioStore(paths, cache=True, budget=199, lengths={"a": 100}).cached
    assert set(headers_read) == {"a", "e"}
    assert AudioStore(paths, cache=True, budget=1600, lengths={"a": 100}).cached


def test_listed_lengths_have_to_be_true(dirs, headers_read):
    paths = {name: dirs.wav(name, ramp(100)) for name in "abcdefgh"}
    wrong = "holds 100 samples, but utt2num_samples has 90; run stage 2"
    with pytest.raises(DataError, match=f"e: .*{wrong}"):
        AudioStore(paths, cache=False, lengths=dict.fromkeys("abcdefgh", 100) | {"e": 90})
    for listed, span in ((120, ()), (90, (0, 50))):
        store = AudioStore(paths, cache=False, lengths=dict.fromkeys("abcdefgh", 100) | {"f": listed})
        with pytest.raises(DataError, match=f"f: .*holds 100 samples, but utt2num_samples has {listed}"):
            store.load("f", *span)
    with pytest.raises(DataError, match=f"f: .*{wrong}"):
        AudioStore(paths, cache=True, lengths=dict.fromkeys("abcdefgh", 100) | {"f": 90})
    with pytest.raises(DataError, match="g: .*holds 100 samples, but utt2num_samples has 0"):
        AudioStore(paths, cache=False, lengths=dict.fromkeys("abcdefgh", 100) | {"g": 0})


def test_other_rates_behind_listed_lengths_are_refused_when_they_are_read(dirs, headers_read):
    paths = {name: dirs.wav(name, ramp(100), rate=16000 if name == "b" else dirs.rate) for name in "abcdefgh"}
    store = AudioStore(paths, cache=False, lengths=dict.fromkeys(paths, 100))
    with pytest.raises(DataError, match="b: .*at 16000 Hz, but mono at 8000 Hz is wanted"):
        store.load("b")
