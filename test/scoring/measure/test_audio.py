import math

import numpy as np
import pytest
import soundfile

from espnet_tse.scoring.measure.audio import (
    AudioError,
    Signal,
    fault_of,
    fit_length,
    is_written,
    level_dbfs,
    load,
    probe,
    set_level,
)


def test_pcm_is_divided_by_two_to_the_fifteen(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0, 1, -32768, 32767], dtype=np.int16), 16000)
    signal = load(str(tmp_path / "a.wav"))
    np.testing.assert_array_equal(signal.samples * 2**15, [0, 1, -32768, 32767])
    assert signal.samples.dtype == np.float64 and signal.source_rate == 16000


@pytest.mark.parametrize("rate", [8000, 24000, 44100])
def test_files_come_at_their_own_rate_and_are_resampled_from_it(tmp_path, rate):
    t = np.arange(rate) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * t), rate, subtype="FLOAT")
    read = load(str(tmp_path / "a.wav"))
    assert read.at(rate) is read and (read.rate, read.duration_s) == (rate, 1.0)
    signal = read.at(16000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert len(signal.samples) == 16000 and (signal.rate, signal.source_rate) == (16000, rate)
    np.testing.assert_array_equal(read.converted(8000).at(16000).samples, signal.samples)
    np.testing.assert_allclose(signal.samples[800:-800], expected[800:-800], atol=2e-3)
    assert probe(str(tmp_path / "a.wav")) == (1.0, rate)


def test_channel_is_chosen(tmp_path):
    soundfile.write(
        tmp_path / "a.wav", np.stack([np.zeros(100), np.ones(100) * 0.5], axis=1), 16000, subtype="FLOAT"
    )
    assert load(str(tmp_path / "a.wav"), 1).samples.mean() == 0.5
    assert load(str(tmp_path / "a.wav")).source_channels == 2
    with pytest.raises(AudioError, match="channel 2 was asked for"):
        load(str(tmp_path / "a.wav"), 2)
    soundfile.write(tmp_path / "mono.wav", np.ones(100) * 0.5, 16000, subtype="FLOAT")
    assert load(str(tmp_path / "mono.wav"), 1).samples.mean() == 0.5


def test_kaldi_archives_are_read(tmp_path):
    import kaldiio

    samples = (np.arange(-50, 50) * 100).astype(np.int16)
    kaldiio.save_ark(str(tmp_path / "a.ark"), {"a": (16000, samples)}, scp=str(tmp_path / "a.scp"))
    entry = (tmp_path / "a.scp").read_text().split()[1]
    np.testing.assert_array_equal(load(entry).samples * 2**15, samples)
    assert probe(entry) is None


def test_pickles_in_archives_are_refused(tmp_path):
    import kaldiio

    kaldiio.save_ark(
        str(tmp_path / "a.ark"), {"a": np.zeros(9)}, scp=str(tmp_path / "a.scp"), write_function="pickle"
    )
    with pytest.raises(AudioError, match="but a pickle"):
        load((tmp_path / "a.scp").read_text().split()[1])


def test_unreadable_entries_are_named(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    for name, message in (
        ("a.wav", "cannot be read"),
        ("b.wav", "no such file"),
        ("none.ark:12", "no such file"),
    ):
        with pytest.raises(AudioError, match=f"{name}'.*{message}"):
            load(str(tmp_path / name))
        assert probe(str(tmp_path / name)) is None
    with pytest.raises(AudioError, match="runs no commands"):
        load("sox a.wav -t wav - |")


def test_faults():
    voice = 0.1 * np.sin(np.arange(1600))
    assert fault_of(voice, 16000, 0.1) is None
    assert fault_of(voice[:10], 16000, 0.1) == (
        "shorter than 0.1 s (0.0006 s: 10 samples at 16000 Hz, at least 1600 are wanted)"
    )
    assert fault_of(voice[:1599], 16000, 0.1).startswith("shorter than 0.1 s (0.0999 s: 1599 samples")
    assert fault_of(voice[:1599], 8000, 0.1) is None
    assert fault_of(voice[:0], 16000) == "zero length"
    assert fault_of(np.append(voice, np.nan), 16000) == "NaN or infinite samples"
    assert fault_of(np.append(voice, np.inf), 16000) == "NaN or infinite samples"
    assert fault_of(np.full(1600, 0.5), 16000).startswith("silent (-inf")
    assert fault_of(np.zeros(10), 16000) == "silent (-inf dBFS RMS around the mean, limit -70; 10 samples)"
    assert fault_of(voice * 10 ** (-60 / 20), 16000).startswith("silent (-8")


def test_level_is_exact_for_tiny_and_huge_samples():
    for scale in (1e-200, 1.0, 1e200):
        level = level_dbfs(np.array([scale, -scale]))
        assert level == pytest.approx(20 * math.log10(scale), abs=1e-6)


def test_fit_length_cuts_and_pads():
    assert fit_length(np.ones(3), 2).tolist() == [1, 1]
    assert fit_length(np.ones(2), 3).tolist() == [1, 1, 0]


def test_set_level():
    samples = np.array([0.1, -0.2, 0.05])
    assert set_level(samples, "none") is samples
    assert np.abs(set_level(samples, "peak")).max() == 1.0
    assert level_dbfs(set_level(samples, "rms:-26")) == pytest.approx(-26.0)
    assert not set_level(np.zeros(3), "peak").any()


def test_hash_follows_the_content():
    samples = np.linspace(-0.5, 0.5, 1000)
    changed = samples.copy()
    changed[500] += 1e-4
    hashes = [Signal(each, 16000, 16000, 1).sha1 for each in (samples, samples.copy(), changed)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "ark"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_that_is_cut_is_not_written_in_any_format(tmp_path, speech, name, share):
    path = tmp_path / f"a.{name}"
    soundfile.write(path, speech, 16000, format="wav" if name == "ark" else name)
    entry = f"{path}:0" if name == "ark" else str(path)
    assert is_written(entry)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert not is_written(entry)


def test_what_is_no_audio_is_written(tmp_path):
    (tmp_path / "page.wav").write_text("<html>")
    assert is_written(str(tmp_path / "page.wav")) and not is_written(str(tmp_path / "none.wav"))
