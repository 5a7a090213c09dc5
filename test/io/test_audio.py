"""Files that are written: rounding, formats, limits."""

import errno
import io

import numpy as np
import pytest
import soundfile

from espnet_tse.io.audio import CheckedOutput, read_audio, read_audio_blocks, write_audio
from espnet_tse.io.scp import DataError

SIGNAL = np.random.default_rng(0).uniform(-0.5, 0.5, 5000)


def test_wav_and_flac_of_one_signal_are_equal_and_rounded(tmp_path):
    for suffix in ("wav", "flac"):
        write_audio(tmp_path / f"a.{suffix}", SIGNAL, 8000)
    wav, flac = (soundfile.read(tmp_path / f"a.{suffix}", dtype="int16")[0] for suffix in ("wav", "flac"))
    np.testing.assert_array_equal(wav, flac)
    np.testing.assert_array_equal(wav, np.rint(SIGNAL * 2**15))


def test_full_scale(tmp_path):
    write_audio(tmp_path / "a.wav", np.array([1.0, -1.0, 0.0]), 8000)
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [32767, -32768, 0]


@pytest.mark.parametrize("suffix, subtype", [("wav", "FLOAT"), ("flac", "PCM_24")])
def test_more_than_16_bits_of_a_quiet_signal(tmp_path, suffix, subtype):
    path = tmp_path / f"a.{suffix}"
    write_audio(path, 1e-4 * SIGNAL, 8000, as_float=True)
    assert soundfile.info(path).subtype == subtype
    np.testing.assert_allclose(read_audio(path)[0], 1e-4 * SIGNAL, atol=6.1e-8)


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(DataError, match="a.wav: samples reach 2.0"):
        write_audio(tmp_path / "a.wav", np.array([2.0]), 8000)
    with pytest.raises(DataError, match="a.flac: samples reach 2.0"):
        write_audio(tmp_path / "a.flac", np.array([2.0]), 8000, as_float=True)
    with pytest.raises(DataError, match="samples reach inf"):
        write_audio(tmp_path / "a.wav", np.array([np.inf]), 8000, as_float=True)
    assert not list(tmp_path.iterdir())
    write_audio(tmp_path / "a.wav", np.array([2.0]), 8000, as_float=True)
    assert read_audio(tmp_path / "a.wav")[0] == 2.0


def test_faults_of_reading(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "two.wav", np.zeros((9, 2)), 8000)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8000)
    for name, message in (
        ("nan", "holds NaN or infinite"),
        ("two", "has 2 channels"),
        ("none", "holds no samples"),
    ):
        with pytest.raises(DataError, match=message):
            read_audio(tmp_path / f"{name}.wav")


def test_blocks_are_the_samples_and_faults_are_the_same(tmp_path):
    write_audio(tmp_path / "a.flac", np.resize(SIGNAL, 200_000), 8000)
    blocks = [*read_audio_blocks(tmp_path / "a.flac")]
    assert len(blocks) == 4
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(tmp_path / "a.flac")[0])
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8000)
    with pytest.raises(DataError, match="holds no samples"):
        list(read_audio_blocks(tmp_path / "none.wav"))
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="cut.flac'"):
        list(read_audio_blocks(tmp_path / "cut.flac"))


def test_a_write_that_fails_inside_the_library_is_an_error(tmp_path):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    output = CheckedOutput(Full())
    with soundfile.SoundFile(output, "w", 8000, 1, "PCM_16", format="WAV") as file:
        file.write(SIGNAL)
    with pytest.raises(OSError, match="No space left on device"):
        output.check()
