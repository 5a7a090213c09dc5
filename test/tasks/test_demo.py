"""What the page of the demo does, and, where gradio is, that the page calls it."""

import sys

import numpy as np
import pytest

from espnet_tse import Extractor
from espnet_tse.bin.demo import get_parser, main
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.demo import Demo, to_int16, to_mono
from espnet_tse.tasks.demo_page import build_page


@pytest.fixture(scope="module")
def demo():
    return Demo(Extractor.from_pretrained(), "a system", longest_s=2.0)


def recording(rate, seconds, channels=None, seed=0):
    """Noise as a player gives it: int16."""
    shape = (round(rate * seconds),) if channels is None else (round(rate * seconds), channels)
    return rate, (np.random.default_rng(seed).normal(0, 0.1, shape) * 32767).astype(np.int16)


def test_the_estimate_is_that_of_the_extractor(demo):
    mixture, enrollment = recording(16000, 1.0), recording(16000, 1.5, seed=1)
    rate, estimate = demo.extract(mixture, enrollment).estimate
    wanted = demo.extractor(to_mono(mixture[1]), to_mono(enrollment[1]), 16000)
    assert rate == 16000 and estimate.dtype == np.int16
    np.testing.assert_array_equal(estimate, to_int16(wanted))


def test_other_rates_and_stereo_are_taken(demo):
    heard = demo.extract(recording(44100, 0.5, channels=2), recording(8000, 1.0, seed=1))
    assert heard.estimate[0] == 44100 and heard.estimate[1].shape == (22050,)
    assert "44100 Hz in and out, 16000 Hz inside" in heard.words and "real-time factor" in heard.words
    assert len(heard.pictures) == 3 and all(png.startswith(b"\x89PNG") for png in heard.pictures)


@pytest.mark.parametrize(
    "mixture, enrollment, message",
    [
        (None, recording(16000, 1), "there is no mixture yet: upload a file or record one"),
        (recording(16000, 1), None, "there is no enrollment yet"),
        (recording(16000, 3), recording(16000, 1), "the mixture lasts 3 s; this page takes 2 s at most"),
        (recording(16000, 1), (16000, np.zeros(16000, np.int16)), "the enrollment is digital silence"),
        ((16000, np.zeros(0, np.int16)), recording(16000, 1), "the mixture is empty"),
    ],
)
def test_what_cannot_be_extracted_is_told(demo, mixture, enrollment, message):
    with pytest.raises(DataError, match=message):
        demo.extract(mixture, enrollment)


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32"])
def test_samples_of_players_become_floats(dtype):
    lowest, highest = (-1, 1) if dtype == "float32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    found = to_mono(np.array([lowest, highest]).astype(dtype))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [-1.0, 1.0], atol=0.01)


def test_what_would_clip_is_turned_down():
    np.testing.assert_array_equal(to_int16(np.array([2.0, -1.0, 0.0])), [32767, -16384, 0])


def test_it_listens_on_this_machine_only_unless_told_otherwise():
    assert get_parser().parse_args([]).host == "127.0.0.1"


def test_without_gradio_it_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main([]) == 1
    assert "the demo needs gradio: pip install -e '.[demo]'" in capsys.readouterr().err


def test_the_button_of_the_page_extracts(demo):
    page = build_page(demo)
    [button] = [call for call in page.fns.values() if call.api_name == "extract"]
    estimate, gallery, words = button.fn(recording(16000, 0.5), recording(16000, 1.0, seed=1))
    assert estimate[1].shape == (8000,) and [name for _, name in gallery] == [
        "mixture",
        "enrollment",
        "estimate",
    ]
    assert "real-time factor" in words
    with pytest.raises(Exception, match="there is no mixture yet"):
        button.fn(None, None)


@pytest.mark.parametrize("port", [-1, 0, 65536, 70000])
def test_ports_that_are_none_are_told_before_anything_is_loaded(capsys, port):
    with pytest.raises(SystemExit) as end:
        main(["--port", str(port)])
    told = capsys.readouterr().err
    assert end.value.code == 2 and f"--port is {port}, want 1 to 65535" in told and "loading" not in told
