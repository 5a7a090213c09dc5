"""Exported systems give what PyTorch gives, for other lengths than those that were traced, whole and as streams."""

import builtins
import functools
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from nano_extractors import SYSTEMS, nano_extractor

from espnet_tse import Extractor
from espnet_tse.bin import extract
from espnet_tse.bin.export import main
from espnet_tse.extractor.exported import ExportedExtractor
from espnet_tse.io.scp import DataError
from espnet_tse.models.discriminative import Discriminative, DiscriminativeConfig
from espnet_tse.models.graphs import WholeGraph
from espnet_tse.schema import TSEBatch
from espnet_tse.tasks import exporting
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.choices import extractor_choices, speaker_encoder_choices

STREAMED = {"num_blocks": 1, "num_repeats": 1, "adapted_block": 0, "causal": True}


def signals(*lengths):
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, length).astype(np.float32) for length in lengths]


def exported(monkeypatch, extractor, path, **options):
    model = Discriminative(extractor)
    monkeypatch.setattr(exporting, "load_model", lambda *args: model)
    return exporting.export_system("a system", path, **options)


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """A causal system and its files; chunks of two hops."""
    path = tmp_path_factory.mktemp("stream") / "out.onnx"
    extractor = nano_extractor("td_speakerbeam", **STREAMED)
    with pytest.MonkeyPatch.context() as patch:
        exported(patch, extractor, path, chunk_s=0.001)
    return extractor, path


@pytest.fixture(scope="module")
def network():
    """Spectra, recurrences, convolutions and a speaker encoder on mel frames."""
    torch.manual_seed(0)
    sizes = {"width": 8, "hidden": 12, "skip": 8, "num_blocks": 1, "output_dim": 10}
    encoder = functools.partial(speaker_encoder_choices.build, "tcn", sizes)
    return extractor_choices.build(
        "magnitude_mask", SYSTEMS["magnitude_mask"][0], new_speaker_encoder=encoder
    ).eval()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, network):
    """The file of ``network``."""
    path = tmp_path_factory.mktemp("whole") / "out.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "load_model", lambda *args: Discriminative(network))
        assert main(["a system", str(path)]) == 0
    return path


@pytest.mark.parametrize("lengths", [(16000, 9000), (30001, 52123), (800, 16000)])
def test_a_whole_system_extracts_as_in_pytorch(network, whole, lengths):
    mixture, enrollment = signals(*lengths)
    wanted = Extractor(Discriminative(network))(mixture, enrollment, 16000)
    found = Extractor.from_pretrained(whole)(mixture, enrollment, 16000)
    assert np.linalg.norm(found - wanted) < 1e-4 * np.linalg.norm(wanted)


def test_other_rates_and_batches_are_decoded_alike(network, whole):
    first, second, enrollment = signals(9000, 16000, 12000)
    extractor, reference = Extractor.from_pretrained(whole), Extractor(Discriminative(network))
    at_8k = extractor(first, enrollment, 8000), reference(first, enrollment, 8000)
    np.testing.assert_allclose(*at_8k, atol=1e-5)
    rows = [
        side.extract([first, second], [enrollment, enrollment], ["a", "b"]).waveform
        for side in (extractor, reference)
    ]
    torch.testing.assert_close(*rows, atol=1e-5, rtol=1e-3)


def test_a_stream_gives_the_samples_of_pytorch_whatever_the_chunks(streamed):
    extractor, path = streamed
    mixture, enrollment = signals(5003, 4000)
    wanted = Extractor(Discriminative(extractor), {"level": "none"})(mixture, enrollment, 16000)
    stream = Extractor.from_pretrained(path).stream(enrollment, 16000)
    parts = [stream.push(part) for part in np.split(mixture, [7, 900, 1024, 4000])]
    found = np.concatenate([*parts, stream.flush()])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert stream.latency == extractor.delay + 16  # a chunk of two hops


def test_causal_spex_plus_is_a_stream(monkeypatch, tmp_path, caplog):
    """Filters of three lengths, each with a past of its own."""
    extractor = nano_extractor("spex_plus", causal=True, num_blocks=1, num_stacks=1)
    with caplog.at_level("INFO"):
        files = exported(monkeypatch, extractor, tmp_path / "out.onnx")  # compares before it keeps them
    assert [file.name for file in files] == [
        "out.onnx",
        "out_enroll.onnx",
    ] and "dB from PyTorch" in caplog.text
    assert load_model(files[0]).extractor.delay == extractor.delay


def test_an_exported_stream_extracts_whole_mixtures_too(streamed):
    extractor, path = streamed
    mixture, enrollment = signals(5003, 4000)
    sides = [Extractor(Discriminative(extractor)), Extractor.from_pretrained(path)]
    np.testing.assert_allclose(*(side(mixture, enrollment, 16000) for side in sides), atol=1e-5)


def test_an_extractor_that_keeps_levels_is_one_function_too():
    extractor = nano_extractor("td_speakerbeam")
    extractor.levelled = False
    mixture, enrollment = (torch.from_numpy(3 * signal)[None] for signal in signals(900, 800))
    lengths = torch.tensor([900]), torch.tensor([800])
    batch = TSEBatch(mixture, lengths[0], enrollment, lengths[1], sample_rate=16000)
    with torch.no_grad():
        torch.testing.assert_close(WholeGraph(extractor)(mixture, enrollment), extractor(batch).waveform)


def test_level_and_passes_of_estimates_go_with_the_file(tmp_path, monkeypatch):
    extractor = nano_extractor("magnitude_mask", causal=True)
    learned = DiscriminativeConfig(
        losses={"snr": 1.0, "absent_energy": 0.1}, speeds=[1.0, 0.94], against_rest=True
    )
    monkeypatch.setattr(exporting, "load_model", lambda *args: Discriminative(extractor, learned))
    assert main(["a system", str(tmp_path / "out.onnx")]) == 0
    mixture, enrollment = signals(5003, 4000)
    sides = [
        Extractor(Discriminative(extractor, learned)),
        Extractor.from_pretrained(tmp_path / "out.onnx"),
    ]
    assert [side.conf.level for side in sides] == ["none", "none"]
    assert [(side.conf.speeds, side.conf.against_rest) for side in sides] == [([1.0, 0.94], True)] * 2
    np.testing.assert_allclose(*(side(mixture, enrollment, 16000) for side in sides), atol=1e-5)


def test_the_states_of_a_stream_are_inputs_and_outputs(streamed):
    session = ExportedExtractor(streamed[1]).session
    put, got = ([value.name for value in values] for values in (session.get_inputs(), session.get_outputs()))
    assert put[:3] == ["mixture", "cue", "state0"] and got[:2] == ["estimate", "next_state0"]
    shapes = [value.shape for value in session.get_inputs()[2:]]
    assert shapes == [value.shape for value in session.get_outputs()[1:]] and len(shapes) == 3


def test_what_differs_from_pytorch_is_not_kept(streamed, tmp_path, monkeypatch):
    other = nano_extractor("td_speakerbeam", **STREAMED)
    with torch.no_grad():
        other.bottleneck.bias += 1.0
    monkeypatch.setattr(exporting, "load_model", lambda *args: Discriminative(other, DiscriminativeConfig()))
    names = ("out.onnx", "out_enroll.onnx")
    monkeypatch.setattr(
        exporting,
        "export_stream",
        lambda extractor, output, *rest: [
            Path(shutil.copy(streamed[1].with_name(name), output.parent)) for name in names
        ],
    )
    for name in names:
        (tmp_path / name).write_text("of before")
    with pytest.raises(
        DataError,
        match="^out.onnx: differs from PyTorch by .* dB, more than -60 dB are allowed; it was not kept",
    ):
        exporting.export_system("a system", tmp_path / "out.onnx")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(names, "of before")


def test_the_latency_of_a_file_is_that_of_the_system_that_was_exported(streamed, capsys):
    assert extract.main(["--measure_latency", "--model", str(streamed[1])]) == 1
    told = capsys.readouterr().err
    assert f"{streamed[1]}: latency is measured in double precision" in told
    assert "measure the system that was exported (this file takes pieces of 16 samples)" in told


def test_without_its_half_that_enrolls_a_stream_says_so(streamed, tmp_path):
    shutil.copy(streamed[1], tmp_path / "out.onnx")
    with pytest.raises(DataError, match="out_enroll.onnx: no such file; export the system again"):
        load_model(tmp_path / "out.onnx")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"checkpoint": "a.pth"}, "neither checkpoints nor"),
        ({"tokenizers": {"acoustic": "x"}}, "neither checkpoints nor"),
    ],
)
def test_an_exported_system_has_no_parts(whole, options, message):
    with pytest.raises(DataError, match=message):
        load_model(whole, **options)


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(DataError, match="a.onnx: no ONNX file that can be run"):
        load_model(tmp_path / "a.onnx")
    with pytest.raises(DataError, match="b.onnx: no such file"):
        load_model(tmp_path / "b.onnx")


def test_what_cannot_be_exported(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="a Linear, whose extraction is no single pass of a network"):
        exporting.exportable(torch.nn.Linear(1, 1), "a system")
    given = nano_extractor("bsrnn")
    given.speaker_encoder = torch.nn.Identity()
    with pytest.raises(DataError, match="takes embeddings of another model"):
        exported(monkeypatch, given, tmp_path / "a.onnx")
    with pytest.raises(DataError, match="want a file name that ends in .onnx"):
        exported(monkeypatch, given, tmp_path / "a.bin")
    with pytest.raises(DataError, match="--chunk_s is -1, want seconds above 0"):
        exported(monkeypatch, nano_extractor("td_speakerbeam", **STREAMED), tmp_path / "a.onnx", chunk_s=-1)
    assert not list(tmp_path.iterdir())


def test_without_the_packages_it_says_how_to_install_them(monkeypatch, tmp_path, whole):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(DataError, match=r"export needs onnxscript: pip install -e '.\[export\]'"):
        exporting.export_system("x", tmp_path / "a.onnx")
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"are run by onnxruntime: pip install -e '.\[export\]'"):
        load_model(whole)
