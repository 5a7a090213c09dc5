"""Extraction, reverse extraction, restoration and separation from files, by one system."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tse_system import UNISE, write_model

from espnet_tse.bin import extract
from espnet_tse.codec.load import save_codec
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.models.unise import UniSE
from espnet_tse.tasks.extraction_merge import merge_shards
from espnet_tse.tasks.extractor import Extractor

CONF = Path(__file__).resolve().parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf"
RATE = 16000


@pytest.fixture(scope="module")
def system(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("system") / "exp" / "tse_unise"
    torch.manual_seed(0)
    sizes = {"embedding_dim": 8, "encoder_channels": 8, "encoder_blocks": 1, "decoder_channels": 8}
    config = SpectralBiCodecConfig(
        **{**sizes, "n_fft": 640, "codebook_size": 32, "decoder_blocks": 1, "voice_channels": 8},
        griffin_lim_iterations=2,
    )
    codec_dir = folder / "tokenizers" / "acoustic"
    codec_conf = {"codec": "spectral_bicodec", "codec_conf": asdict(config)}
    save_codec(codec_dir, SpectralBiCodec(config), codec_conf, "none", {})
    write_model(folder, {**UNISE, "tokenizers": {"acoustic": "exp/codec_nano"}}, 0)
    return folder


def noise(num_samples: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(num_samples) * 0.1).astype(np.float32)


@pytest.fixture
def corpus(tmp_path):
    """Two mixtures, the second one longer than a chunk of 5 s."""
    lines = {"mix.scp": [], "enroll.scp": []}
    for seed, (key, length) in enumerate({"a": 12000, "b": 90000}.items()):
        for name, size in (("mix", length), ("enroll", 9000)):
            path = tmp_path / f"{name}_{key}.wav"
            soundfile.write(path, noise(size, 2 * seed + (name == "mix")), RATE)
            lines[f"{name}.scp"].append(f"{key} {path}\n")
    for name, rows in lines.items():
        (tmp_path / name).write_text("".join(rows))
    return tmp_path


def run(system, corpus, out, task, *more) -> int:
    lists = ["--mixture_scp", str(corpus / "mix.scp"), "--output_dir", str(out)]
    return extract.main(["--model", str(system), *lists, "--task", task, *more])


@pytest.mark.parametrize("task", ["tse", "rtse", "sr", "ss"])
def test_each_task_writes_what_the_interface_gives(system, corpus, tmp_path, task):
    out, extractor = tmp_path / "out", Extractor.from_pretrained(system, {"task": task})
    enrolled = ["--enroll_scp", str(corpus / "enroll.scp")] if task in ("tse", "rtse") else []
    assert run(system, corpus, out, task, *enrolled) == 0
    names = ["wav.scp", *(["second.scp"] if task == "ss" else [])]
    assert sorted(path.name for path in out.glob("*.scp")) == sorted(names)
    assert json.loads((out / "decode.json").read_text())["settings"]["task"] == task
    for key, entry in read_scp(corpus / "mix.scp").items():
        mixture, _ = soundfile.read(entry, dtype="float32")
        cue = [soundfile.read(corpus / f"enroll_{key}.wav", dtype="float32")[0]] if enrolled else None
        estimate = extractor.extract([mixture], cue, [key])
        for name, expected in zip(names, (estimate.waveform, estimate.second)):
            found, rate = soundfile.read(read_scp(out / name)[key], dtype="float32")
            assert rate == RATE and len(found) == len(mixture)
            assert np.abs(found - expected[0].numpy()).max() < 1e-4


def test_a_call_gives_a_waveform_of_each_task_and_two_of_a_separation(system, corpus, tmp_path):
    mixture, enrollment = (
        soundfile.read(corpus / f"{name}_a.wav", dtype="float32")[0] for name in ("mix", "enroll")
    )
    tse, rtse = (
        Extractor.from_pretrained(system, task=task)(mixture, enrollment, RATE) for task in ("tse", "rtse")
    )
    sr = Extractor.from_pretrained(system, task="sr")(mixture, sample_rate=RATE)
    both = Extractor.from_pretrained(system, task="ss")(mixture, sample_rate=RATE)
    assert tse.shape == rtse.shape == sr.shape == mixture.shape and both.shape == (2, len(mixture))


@pytest.mark.parametrize("rate", [8000, 44100])
def test_one_file_of_a_separation_gives_two(system, tmp_path, rate):
    soundfile.write(tmp_path / "mix.wav", noise(rate, 0), rate)
    words = [
        str(tmp_path / "mix.wav"),
        "-o",
        str(tmp_path / "out.wav"),
        "--model",
        str(system),
        "--task",
        "ss",
    ]
    assert extract.main(words) == 0
    for name in ("out.wav", "out_second.wav"):
        info = soundfile.info(tmp_path / name)
        assert (info.frames, info.samplerate) == (rate, rate)


def test_no_second_talker_is_told(system, caplog, monkeypatch):
    extractor = Extractor.from_pretrained(system, task="ss")
    for share, told in ((0.7, True), (0.2, False)):
        caplog.clear()
        monkeypatch.setattr(type(extractor.model), "equal_shares", lambda *_, share=share: [share])
        extractor(noise(9000, 0), sample_rate=RATE)
        assert ("no second talker" in caplog.text) == told


def test_which_mixtures_have_a_second_talker_is_listed(system, corpus, tmp_path, monkeypatch):
    shares = {12000: 0.7, 90000: 0.2}
    monkeypatch.setattr(
        UniSE,
        "equal_shares",
        lambda self, first, second, lengths: [shares[length] for length in lengths.tolist()],
    )
    out = tmp_path / "out"
    assert run(system, corpus, out, "ss") == 0
    listed = out / "utt2second_talker"
    assert listed.read_text() == "a false\nb true\n"
    # A run that goes on keeps what it says; where it says nothing the mixture is extracted again, and no file written over.
    (out / "a.wav").unlink()
    assert run(system, corpus, out, "ss") == 0 and listed.read_text() == "a false\nb true\n"
    listed.write_text("a false\n")
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    assert run(system, corpus, out, "ss") == 0 and listed.read_text() == "a false\nb true\n"
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    (corpus / "mix.scp").write_text((corpus / "mix.scp").read_text().splitlines(keepends=True)[1])
    assert run(system, corpus, out, "ss") == 0 and listed.read_text() == "a false\nb true\n"
    (out / "a.wav").unlink()  # of what is gone nothing is known
    assert run(system, corpus, out, "ss") == 0 and listed.read_text() == "b true\n"


def test_a_shorter_list_in_between_costs_a_separation_nothing(system, corpus, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out, whole = tmp_path / "out", (corpus / "mix.scp").read_text()
    for lines, told in ((whole, "2 of 2"), (whole.splitlines()[1], "0 of 1"), (whole, "0 of 2")):
        (corpus / "mix.scp").write_text(lines)
        caplog.clear()
        assert run(system, corpus, out, "ss") == 0 and f"{told} mixtures to extract" in caplog.text
        assert sorted(read_scp(out / "utt2second_talker")) == ["a", "b"]


def test_shards_of_a_separation_are_merged(system, corpus, tmp_path):
    out = tmp_path / "out"
    for shard in ("1/2", "2/2"):
        assert run(system, corpus, out, "ss", "--shard", shard) == 0
    merge_shards(out, str(corpus / "mix.scp"), 2)
    lists = [list(read_scp(out / name)) for name in ("wav.scp", "second.scp", "utt2second_talker")]
    assert lists == [["a", "b"]] * 3


def test_the_task_of_a_decoding_yaml_counts_and_the_command_line_wins(system, corpus, tmp_path):
    conf = tmp_path / "sr.yaml"
    conf.write_text("task: sr\n")
    words = ["--inference_config", str(conf)]
    lists = ["--mixture_scp", str(corpus / "mix.scp"), "--output_dir", str(tmp_path / "one")]
    assert extract.main(["--model", str(system), *lists, *words]) == 0
    assert json.loads((tmp_path / "one" / "decode.json").read_text())["settings"]["task"] == "sr"
    assert run(system, corpus, tmp_path / "two", "ss", *words) == 0
    assert (tmp_path / "two" / "second.scp").is_file()


@pytest.mark.parametrize(
    "name, lists", [("restoration", ["wav.scp"]), ("separation", ["second.scp", "wav.scp"])]
)
def test_the_decodings_of_the_template_work(system, corpus, tmp_path, name, lists):
    words = ["--inference_config", str(CONF / f"decode_{name}.yaml"), "--output_dir", str(tmp_path / "out")]
    words += ["--mixture_scp", str(corpus / "mix.scp"), "--enroll_scp", str(corpus / "enroll.scp")]
    assert extract.main(["--model", str(system), *words]) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.scp")) == lists


def test_a_list_of_enrollments_is_not_read_where_the_task_has_none(system, corpus, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert run(system, corpus, tmp_path / "out", "sr", "--enroll_scp", str(corpus / "enroll.scp")) == 0
    assert "task sr takes no enrollments" in caplog.text


@pytest.mark.parametrize("task", ["rtse", "sr", "ss"])
def test_a_system_that_was_not_made_for_a_task_refuses_it(tmp_path, capsys, task):
    soundfile.write(tmp_path / "mix.wav", noise(9000, 0), RATE)
    words = [
        str(tmp_path / "mix.wav"),
        str(tmp_path / "mix.wav"),
        "-o",
        str(tmp_path / "out.wav"),
        "--task",
        task,
    ]
    assert extract.main(words) == 1
    assert "task" in capsys.readouterr().err and not (tmp_path / "out.wav").exists()


def test_an_enrollment_too_many_or_too_few_is_an_error(system, tmp_path, capsys):
    soundfile.write(tmp_path / "mix.wav", noise(9000, 0), RATE)
    mixture, out = str(tmp_path / "mix.wav"), str(tmp_path / "out.wav")
    assert extract.main([mixture, mixture, "-o", out, "--model", str(system), "--task", "sr"]) == 1
    assert "task sr takes no enrollments; leave it out" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        extract.main([mixture, "-o", out, "--model", str(system), "--task", "rtse"])
    extractor = Extractor.from_pretrained(system)
    with pytest.raises(DataError, match="task tse wants an enrollment"):
        extractor(noise(9000, 0), sample_rate=RATE)
    with pytest.raises(DataError, match="task sr takes no enrollment"):
        Extractor.from_pretrained(system, task="sr")(noise(9000, 0), noise(9000, 1), RATE)


def test_what_is_gone_or_torn_is_made_again(system, corpus, tmp_path):
    out = tmp_path / "out"
    assert run(system, corpus, out, "ss") == 0
    before = {path: path.read_bytes() for path in out.glob("*.wav")}
    (out / "b_second.wav").unlink()
    (out / "a.wav").write_bytes(before[out / "a.wav"][:-100])  # what a full disk leaves of a copy
    assert run(system, corpus, out, "ss") == 0
    assert before == {path: path.read_bytes() for path in out.glob("*.wav")}


def test_no_file_of_a_separation_is_written_twice_or_over_a_mixture(system, corpus, tmp_path, capsys):
    out = tmp_path / "out"
    (corpus / "mix.scp").write_text(f"a {corpus}/mix_a.wav\na_second {corpus}/mix_a.wav\n")
    assert run(system, corpus, out, "ss") == 1
    assert "keys 'a_second' and 'a' of a separation would both be written to" in capsys.readouterr().err
    out.mkdir()
    mixture = out / "k_second.wav"
    soundfile.write(mixture, noise(9000, 0), RATE)
    content = mixture.read_bytes()
    (corpus / "mix.scp").write_text(f"k {mixture}\n")
    assert run(system, corpus, out, "ss") == 1
    assert "which would be written over" in capsys.readouterr().err
    assert mixture.read_bytes() == content


def test_shards_of_other_settings_or_without_a_list_are_not_merged(system, corpus, tmp_path):
    out = tmp_path / "out"
    assert run(system, corpus, out, "ss", "--shard", "1/2") == 0
    assert run(system, corpus, out, "sr", "--shard", "2/2") == 0
    with pytest.raises(DataError, match=r"other settings than of shard 1 \(task\)"):
        merge_shards(out, str(corpus / "mix.scp"), 2)
    for path in (out / "2").iterdir():
        path.unlink()
    assert run(system, corpus, out, "ss", "--shard", "2/2") == 0
    (out / "2" / "second.scp").unlink()
    with pytest.raises(DataError, match="second.scp: no such file"):
        merge_shards(out, str(corpus / "mix.scp"), 2)
    assert not (out / "wav.scp").exists()


@pytest.mark.parametrize("size", ["0", "-1"])
def test_a_batch_has_a_row(system, corpus, tmp_path, capsys, size):
    with pytest.raises(SystemExit) as ended:
        run(system, corpus, tmp_path / "out", "sr", "--batch_size", size)
    assert ended.value.code == 2 and f"--batch_size is {size}, want 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["sr", "ss"])
def test_candidates_want_an_enrollment_to_be_compared_with(system, task):
    with pytest.raises(DataError, match=f"task {task} has none; leave it out"):
        Extractor.from_pretrained(system, {"task": task, "sampling": True, "candidates": 2})
