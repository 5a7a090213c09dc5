"""Audio as Kaldi lists name it."""

import sys

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_tse.data.kaldi_audio import is_plain_file, read_entry
from espnet_tse.io.scp import DataError


def test_file_ark_and_pipe_give_the_same_samples(dirs, tmp_path):
    samples = np.round(np.random.default_rng(0).normal(0, 0.1, 300) * 32768) / 32768
    path = dirs.wav("with space", samples)
    kaldiio.save_ark(
        str(tmp_path / "a.ark"),
        {"k": (8000, (samples * 32768).astype(np.int16))},
        scp=str(tmp_path / "a.scp"),
    )
    ark = (tmp_path / "a.scp").read_text().split(None, 1)[1].strip()
    copy = f"{sys.executable} -c 'import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())'"
    for entry in (str(path), ark, f"cat '{path}' |", f"cat '{path}' | {copy} |"):
        read, rate = read_entry(entry, "k")
        assert rate == 8000 and read.shape == (300, 1)
        np.testing.assert_array_equal(read[:, 0], samples)
        assert is_plain_file(entry) == (entry == str(path))


def test_a_pipe_is_no_shell(dirs, tmp_path):
    path = dirs.wav("a", np.zeros(10))
    with pytest.raises(DataError, match="k: .*ended with code"):
        read_entry(f"cat {path} $(touch {tmp_path / 'made'}) ; touch {tmp_path / 'made'} |", "k")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "entry, message",
    [
        ("nowhere.wav", "k: 'nowhere.wav': no such file"),
        ("nowhere.ark:17", "'nowhere.ark': no such file"),
        ("no-such-command x |", "command 'no-such-command' is not installed"),
        ("false |", "ended with code 1"),
        ("true | | true |", "an empty command"),
        ("echo no audio |", "cannot be read"),
    ],
)
def test_faults_name_the_key(entry, message):
    with pytest.raises(DataError, match="^k: ") as error:
        read_entry(entry, "k")
    assert message in str(error.value)


def test_nan_is_refused(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(DataError, match="k: .*NaN or infinite"):
        read_entry(str(tmp_path / "nan.wav"), "k")
