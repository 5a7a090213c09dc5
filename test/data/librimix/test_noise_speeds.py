"""WHAM!'s training noise at other speeds, with a stand-in for SoX in the search path."""

import os
import sys

import numpy as np
import pytest
import soundfile

from espnet_tse.data.librimix.metadata import MixtureSpec, Part
from espnet_tse.data.librimix.noise_speeds import make_noise, require_noises, source_of
from espnet_tse.io.scp import DataError

FAKE = """#!{python}
import sys
import numpy
assert sys.argv[1:] == "-N -V1 -t f64 -r 44100 -c 1 - -t f64 -r 44100 -c 1 - speed 0.8".split(), sys.argv
sys.stdout.buffer.write(numpy.frombuffer(sys.stdin.buffer.read())[::2].tobytes())
"""


def spec(noise):
    return MixtureSpec("m", (), noise and Part(noise, 1.0))


@pytest.fixture
def wham(tmp_path):
    (tmp_path / "tr").mkdir()
    soundfile.write(tmp_path / "tr/a.wav", np.linspace(-0.5, 0.5, 2000).reshape(-1, 2), 16000)
    return tmp_path


def put_sox(folder, monkeypatch, text):
    path = folder / "bin/sox"
    path.parent.mkdir()
    path.write_text(text.replace("{python}", sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")


def test_names():
    assert source_of("tr/asp08.wav") == ("tr/a.wav", "0.8")
    assert source_of("tr/a_0.5_b_-0.5sp12.wav") == ("tr/a_0.5_b_-0.5.wav", "1.2")
    assert source_of("tr/a.wav") is None


def test_the_first_channel_goes_through_sox_and_lies_beside_its_source(wham, monkeypatch):
    put_sox(wham, monkeypatch, FAKE)
    assert require_noises([spec("tr/a.wav"), spec("tr/asp08.wav"), spec("tr/asp08.wav")], wham) == [
        "tr/asp08.wav"
    ]
    make_noise(wham, "tr/asp08.wav")
    made, rate = soundfile.read(wham / "tr/asp08.wav", dtype="int16")
    source = soundfile.read(wham / "tr/a.wav", dtype="int16")[0][::2, 0]
    # Written from double precision, where a full scale of 2^31 - 1 costs positive values a step now and then.
    assert rate == 16000 and made.shape == source.shape and np.abs(made.astype(int) - source).max() <= 1
    assert require_noises([spec("tr/asp08.wav")], wham) == []


def test_what_fails_leaves_nothing(wham, monkeypatch):
    put_sox(wham, monkeypatch, "#!/bin/sh\necho no such effect >&2\nexit 2\n")
    with pytest.raises(DataError, match="sox failed: no such effect"):
        make_noise(wham, "tr/asp08.wav")
    assert [path.name for path in (wham / "tr").iterdir()] == ["a.wav"]


def test_what_is_missing_is_told(wham, monkeypatch):
    with pytest.raises(DataError, match="lacks 1 noises that the metadata names, first 'tr/b.wav'"):
        require_noises([spec("tr/b.wav")], wham)
    with pytest.raises(DataError, match="first 'tr/bsp12.wav'"):
        require_noises([spec("tr/bsp12.wav")], wham)
    with pytest.raises(DataError, match="the metadata names no noise"):
        require_noises([spec(None)], wham)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="lacks 1 noises at other speeds.* install the program sox"):
        require_noises([spec("tr/asp12.wav")], wham)
