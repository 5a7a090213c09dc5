"""Recordings that are extracted from file to file: what a whole extraction gives, in memory of one size."""

import logging

import numpy as np
import pytest
import soundfile
from tse_system import write_system

from espnet_tse import Extractor
from espnet_tse.io.audio import read_audio, write_audio
from espnet_tse.io.audio_entry import read_info
from espnet_tse.io.scp import DataError
from espnet_tse.tasks import long_recording
from espnet_tse.tasks.extraction import extract_file, extract_scp
from espnet_tse.tasks.long_recording import Mixture, extract_long, fitted, headroom, is_long

CONF = {"max_chunk_s": 0.5, "overlap_s": 0.1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_system(tmp_path_factory.mktemp("recipe"))


def voice(seconds, rate, seed=0, offset=0.0):
    generator = np.random.default_rng(seed)
    level = np.repeat(generator.uniform(0.01, 0.2, int(seconds * 4) + 1), rate // 4)[: int(seconds * rate)]
    return (level * generator.standard_normal(len(level)).clip(-3, 3) + offset).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("level", ["mixture_rms", "mixture_peak", "none"])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_a_long_recording_is_extracted_as_its_samples_are(folder, tmp_path, rate, level, offset):
    extractor = Extractor.from_pretrained(folder, {**CONF, "level": level})
    write_audio(tmp_path / "mixture.wav", voice(5.2, rate, offset=offset), rate, as_float=True)
    write_audio(tmp_path / "enrollment.wav", voice(1.0, rate, seed=1), rate)
    mixture, enrollment = (read_audio(tmp_path / f"{name}.wav")[0] for name in ("mixture", "enrollment"))
    assert is_long(extractor, read_info(str(tmp_path / "mixture.wav")))
    paths = [str(tmp_path / f"{name}.wav") for name in ("mixture", "enrollment", "out/estimate")]
    extract_file(extractor, *paths)
    wanted = extractor(mixture, enrollment, rate)
    estimate, out_rate = read_audio(paths[2])
    assert out_rate == rate and len(estimate) == len(mixture)
    np.testing.assert_allclose(estimate, wanted, atol=2e-5 * np.abs(wanted).max())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["estimate.wav"]


def test_rows_of_a_list_are_those_of_single_calls(folder, tmp_path):
    extractor = Extractor.from_pretrained(folder, CONF)
    lists = {"mixture": tmp_path / "wav.scp", "enrollment": tmp_path / "enroll.scp"}
    for role, seconds in (("mixture", {"a": 0.4, "b": 1.7}), ("enrollment", {"a": 0.5, "b": 0.6})):
        lines = []
        for key, length in seconds.items():
            write_audio(
                tmp_path / role / f"{key}.wav", voice(length, 16000, seed=len(role) + len(key)), 16000
            )
            lines.append(f"{key} {tmp_path / role / key}.wav\n")
        lists[role].write_text("".join(lines))
    extract_scp(extractor, str(lists["mixture"]), str(lists["enrollment"]), tmp_path / "out", 2, None)
    for key in "ab":
        signals = [read_audio(tmp_path / role / f"{key}.wav")[0] for role in lists]
        wanted = extractor.extract(*([signal] for signal in signals), [key]).waveform[0].numpy()
        np.testing.assert_allclose(read_audio(tmp_path / "out" / f"{key}.wav")[0], wanted, atol=2**-15)


def test_only_chunks_of_a_recording_are_read(folder, tmp_path, monkeypatch):
    extractor = Extractor.from_pretrained(folder, CONF)
    write_audio(tmp_path / "mixture.wav", voice(9.0, 16000), 16000)
    sizes = []
    estimate = extractor.model.estimate

    def observed(batch, request):
        sizes.append(tuple(batch.mixture.shape))
        return estimate(batch, request)

    monkeypatch.setattr(extractor.model, "estimate", observed)
    monkeypatch.setattr("soundfile.SoundFile.read", bounded_read)
    cue = voice(0.5, 16000, seed=1)
    path = str(tmp_path / "mixture.wav")
    extract_long(extractor, Mixture(path, read_info(path), "utt", "mixture"), cue, tmp_path / "out.wav")
    assert max(sizes) == (8, 8000) and sum(rows for rows, _ in sizes) == 23


def bounded_read(self, frames=-1, *args, read=soundfile.SoundFile.read, **kwargs):
    assert 0 < frames <= 1 << 16
    return read(self, frames, *args, **kwargs)


@pytest.mark.parametrize(
    "samples, fault",
    [
        (
            np.zeros(20000),
            r"mixture .*mixture.wav is digital silence: .*\(20000 samples at 16000 Hz, 1.25 s\)",
        ),
        (np.where(np.arange(20000) == 15000, np.nan, 0.1), "holds NaN or infinite samples"),
        (np.full((20000, 2), 0.1), "has 2 channels, one is wanted"),
    ],
)
def test_faults_leave_nothing_behind(folder, tmp_path, samples, fault):
    soundfile.write(tmp_path / "mixture.wav", samples, 16000, subtype="FLOAT")
    write_audio(tmp_path / "enrollment.wav", voice(0.5, 16000), 16000)
    paths = [str(tmp_path / f"{name}.wav") for name in ("mixture", "enrollment", "out/estimate")]
    with pytest.raises(DataError, match=fault):
        extract_file(Extractor.from_pretrained(folder, CONF), *paths)
    assert not list((tmp_path / "out").iterdir())


def test_progress_is_shown(folder, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(long_recording, "REPORT_S", 0.0)
    write_audio(tmp_path / "mixture.wav", voice(2.0, 16000), 16000)
    path = str(tmp_path / "mixture.wav")
    extractor = Extractor.from_pretrained(folder, CONF)
    with caplog.at_level(logging.INFO):
        extract_long(
            extractor,
            Mixture(path, read_info(path), "utt", "mixture"),
            voice(0.5, 16000),
            tmp_path / "out.wav",
        )
    assert "out.wav: 20 % extracted," in caplog.text and " s to go" in caplog.text


def test_what_would_clip_is_turned_down_and_told(tmp_path, caplog):
    assert headroom(1.0, tmp_path) == 1.0 and not caplog.text
    assert headroom(2.0, tmp_path) == 0.5
    assert "turned down by 6.02 dB" in caplog.text


def test_lengths_are_cut_and_padded():
    blocks = [np.ones(3, np.float32), np.ones(2, np.float32)]
    assert np.concatenate([*fitted(iter(blocks), 4)]).tolist() == [1, 1, 1, 1]
    assert np.concatenate([*fitted(iter(blocks), 6)]).tolist() == [1, 1, 1, 1, 1, 0]
