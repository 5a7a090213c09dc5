"""Streams from a pipe or a microphone: what comes out, where, and how they end."""

import io
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from nano_extractors import nano_extractor, write_extractor
from tse_system import write_signal

from espnet_tse.bin import extract
from espnet_tse.io.raw_pcm import decoded, encoded
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.tasks import live
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.live import Pace, extract_stream

RATE = 16000


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(Discriminative(nano_extractor("bsrnn", causal=True)), {"level": "none"})


@pytest.fixture(scope="module")
def signals(tmp_path_factory) -> tuple[np.ndarray, str]:
    """A mixture of 16-bit samples, no whole number of hops, and the file of an enrollment."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("signals") / "enrollment.wav"
    write_signal(path, 0.1 * rng.standard_normal(4000))
    return (np.round(0.1 * rng.standard_normal(3001) * 32768) / 32768).astype(np.float32), str(path)


@pytest.fixture(scope="module")
def whole(extractor, signals) -> np.ndarray:
    """The estimate of the mixture in one batch."""
    enrollment = soundfile.read(signals[1], dtype="float32")[0]
    return extractor.extract([signals[0]], [enrollment], ["utt"]).waveform[0].numpy()


def piped(content: bytes, sizes: list[int]):
    """The reading end of a pipe into which pieces of these sizes, again and again, are written by a thread."""
    reader, writer = os.pipe()

    def write():
        with os.fdopen(writer, "wb", buffering=0) as file:
            place, turn = 0, 0
            while place < len(content):
                size = sizes[turn % len(sizes)]
                file.write(content[place : place + size])
                place, turn = place + size, turn + 1

    threading.Thread(target=write, daemon=True).start()
    return os.fdopen(reader, "rb")


@pytest.mark.parametrize("sizes", [[1], [7, 1, 333, 2], [6002]])
def test_writes_of_any_size_give_the_estimate_of_the_whole(extractor, signals, whole, sizes):
    output = io.BytesIO()
    with piped(encoded(signals[0], "f32le"), sizes) as source:
        extract_stream(extractor, source, signals[1], output, "f32le")
    np.testing.assert_allclose(decoded(output.getvalue(), "f32le"), whole, atol=1e-6)


@pytest.mark.parametrize(
    "name, sample_format, subtype", [("out.wav", "s16le", "PCM_16"), ("out.wav", "f32le", "FLOAT")]
)
def test_a_file_of_audio_is_complete_at_the_end(
    extractor, signals, whole, tmp_path, name, sample_format, subtype
):
    source = io.BufferedReader(io.BytesIO(encoded(signals[0], sample_format)))
    extract_stream(extractor, source, signals[1], tmp_path / name, sample_format, RATE)
    assert soundfile.info(tmp_path / name).subtype == subtype and len(list(tmp_path.iterdir())) == 1
    step = 0.5 / 32768 if sample_format == "s16le" else 0.0
    np.testing.assert_allclose(soundfile.read(tmp_path / name)[0], whole, atol=step + 1e-6)


def test_integers_clip_and_that_is_told(extractor, signals, tmp_path, caplog):
    source = io.BufferedReader(io.BytesIO(encoded(9 * signals[0], "f32le")))
    caplog.set_level("INFO")
    extract_stream(
        extractor, source, signals[1], tmp_path / "out.flac", "f32le"
    )  # which holds integers alone
    peak = np.abs(soundfile.read(tmp_path / "out.flac")[0]).max()
    assert ("beyond full scale" in caplog.text) == (peak > 0.999)


@pytest.mark.parametrize(
    "content, fault",
    [
        (b"", "ended before its first sample"),
        (b"\1", "ended before its first sample"),
        (encoded(np.full(100, np.nan), "f32le"), "no sound in f32le"),
        (encoded(np.full(100, 3000.0), "f32le"), "full scale is 1"),
    ],
)
def test_what_is_no_input_leaves_nothing_behind(extractor, signals, tmp_path, content, fault):
    with pytest.raises(ValueError, match=fault):
        source = io.BufferedReader(io.BytesIO(content))
        extract_stream(extractor, source, signals[1], tmp_path / "out.wav", "f32le")
    assert not list(tmp_path.iterdir())


def test_the_enrollment_is_not_written_over(extractor, signals):
    with pytest.raises(ValueError, match="is the enrollment, which would be written over"):
        extract_stream(extractor, io.BytesIO(), signals[1], Path(signals[1]), "s16le")


def test_another_rate_is_refused(extractor, signals, tmp_path):
    with pytest.raises(ValueError, match="model's 16000 Hz, not at 8000 Hz"):
        extract_stream(extractor, io.BytesIO(), signals[1], tmp_path / "out.wav", "s16le", 8000)


def test_an_interrupt_ends_a_microphone_and_keeps_the_estimate(
    extractor, signals, whole, tmp_path, monkeypatch, caplog
):
    def microphone(name, rate, block):
        assert (name, rate, block % 16) == ("mic:2", RATE, 0) and block >= 160
        for start in range(0, 1600, 100):
            yield signals[0][start : start + 100]
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(live, "microphone_blocks", microphone)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    caplog.set_level("INFO")
    with pytest.raises(KeyboardInterrupt):
        extract_stream(extractor, "mic:2", signals[1], tmp_path / "out.raw", "f32le")
    signal.signal(signal.SIGINT, before)
    estimate = decoded((tmp_path / "out.raw").read_bytes(), "f32le")
    assert len(estimate) == 1600
    # Behind sample 1600 the estimate's last window hears silence.
    np.testing.assert_allclose(estimate[:1536], whole[:1536], atol=1e-6)
    assert "0.10 s of audio" in caplog.text


def test_blocks_that_take_longer_than_they_last_are_late():
    pace = Pace(RATE)
    pace.add(100, 0.001, False)
    pace.add(60, 0.009, True)  # of 160 samples, 10 ms
    pace.add(160, 0.011, True)
    assert (pace.passes, pace.late) == (2, 1)
    assert str(pace) == "0.02 s of audio in 0.02 s (RTF 1.050); 1 of 2 blocks took longer than they last"


# --- The command --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_extractor(tmp_path_factory.mktemp("exp") / "tse_bsrnn_mini_causal", "bsrnn", causal=True)


def run(monkeypatch, source, *words) -> int:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(source))
    return extract.main([*map(str, words)])


def test_raw_samples_go_from_standard_input_to_standard_output(
    monkeypatch, capfdbinary, caplog, model, signals, whole
):
    caplog.set_level("INFO")
    source = piped(encoded(signals[0], "s16le"), [501, 3])
    assert run(monkeypatch, source, "--stream", "-", signals[1], "-o", "-", "--model", model) == 0
    estimate = decoded(capfdbinary.readouterr().out, "s16le")
    np.testing.assert_allclose(estimate, whole, atol=0.6 / 32768)
    assert "algorithmic latency at most 4.0 ms (64 samples)" in caplog.text and "RTF" in caplog.text


def test_a_reader_that_goes_ends_the_command_without_a_fault(monkeypatch, capfd, model, signals):
    reader, writer = os.pipe()
    os.close(reader)
    with capfd.disabled():
        kept = os.dup(1)
        os.dup2(writer, 1)
        os.close(writer)
        try:
            source = piped(encoded(signals[0], "s16le"), [1000])
            assert run(monkeypatch, source, "--stream", "-", signals[1], "-o", "-", "--model", model) == 141
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def test_the_latency_is_measured(capsys, model):
    assert extract.main(["--measure_latency", "--model", str(model)]) == 0
    assert capsys.readouterr().out == "latency: 63 samples, 3.9 ms\n"


def test_systems_that_cannot_stream_are_named(monkeypatch, capsys, signals, tmp_path):
    system = write_extractor(tmp_path / "tse_bsrnn", "bsrnn")
    assert (
        run(
            monkeypatch,
            io.BytesIO(),
            "--stream",
            "-",
            signals[1],
            "-o",
            tmp_path / "a.wav",
            "--model",
            system,
        )
        == 1
    )
    assert "tse_bsrnn hears whole mixtures and cannot stream; systems can that" in capsys.readouterr().err


@pytest.mark.parametrize("name, output", [("stdin", "out.wav"), ("stdout", "-")])
def test_a_closed_standard_stream_is_told(monkeypatch, capsys, name, output):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(f"sys.{name}", None)
    with pytest.raises(SystemExit, match="2"):
        extract.main(["--stream", "-", "e.wav", "-o", output])
    assert "is a terminal, or closed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, fault",
    [
        ("--stream - e.wav", "a stream wants"),
        ("--stream -o -", "a stream wants"),
        ("--stream m.wav e.wav -o -", "leave out --stream for a file"),
        ("--stream - e.wav -o out.mp3", "ends in .wav or .flac or .raw or .pcm"),
        ("--stream - e.wav -o - --enroll_scp x", "leave out --enroll_scp"),
        ("--stream - e.wav -o - --shard 1/2", "leave out --shard"),
        ("- e.wav -o out.wav", "goes with --stream"),
        ("m.wav e.wav -o -", "goes with --stream"),
        ("m.wav e.wav -o out.wav --rate 16000", "--rate goes with --stream"),
        ("m.wav e.wav -o out.wav --sample_format s16le", "--sample_format goes with --stream"),
        ("--measure_latency m.wav", "takes no mixture"),
    ],
)
def test_faults_of_the_command_line(monkeypatch, capsys, words, fault):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, io.BytesIO(), *words.split())
    assert fault in capsys.readouterr().err
