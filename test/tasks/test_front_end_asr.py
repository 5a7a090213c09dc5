"""espnet-tse front-end-asr on files: word error rates with and without an extractor."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from nano_flow_tse import parts
from tiny_scorers import save_whisper
from tse_system import UNISE, write_model, write_signal, write_system

from espnet_tse.bin import front_end_asr
from espnet_tse.codec.load import save_codec
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
from espnet_tse.data.mixing import level
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import read_scp, write_scp
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.front_end_asr import Recognition, num_parameters

GRAMMAR = "#JSGF V1.0;\ngrammar two;\npublic <s> = ( yes | no ) [ please ] ;\n"
KEYS = ("a", "b")
CONDITIONS = ["mixture", "single", "noisy", "reverberant"]


@pytest.fixture(scope="module")
def system(tmp_path_factory) -> Path:
    return write_system(tmp_path_factory.mktemp("system"))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A set of two mixtures in ``data``, a grammar of pocketsphinx; it is the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)

    def babble(num_samples: int) -> np.ndarray:
        smooth = np.convolve(rng.standard_normal(num_samples), np.exp(-np.arange(30) / 6), "same")
        return 0.03 * smooth * (np.sin(np.linspace(0, 15, num_samples)) > -0.3)

    lists = {name: {} for name in ("wav", "spk1", "enroll_spk1")}
    for key, length in zip(KEYS, (12000, 9000)):
        target, other = babble(length), babble(length)
        for name, signal in (("wav", target + other), ("spk1", target), ("enroll_spk1", babble(8000))):
            write_signal(tmp_path / "audio" / f"{key}_{name}.wav", signal)
            lists[name][key] = f"audio/{key}_{name}.wav"
    for name, entries in lists.items():
        write_scp(tmp_path / "data" / f"{name}.scp", entries)
    (tmp_path / "data" / "text_spk1").write_text("a yes please\nb no\n")
    (tmp_path / "two.jsgf").write_text(GRAMMAR)
    return tmp_path


def run(system: Path | str, *words: str, asr: str = "pocketsphinx:two.jsgf") -> int:
    command = ["--data_dir", "data", "--system", f"tiny={system}", "--output_dir", "out"]
    try:
        return front_end_asr.main([*command, *(["--asr", asr] if asr else []), *words])
    except SystemExit as stopped:
        return stopped.code


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.suffix in (".wav", ".json", ".md")
    }


def test_each_condition_is_recognised_with_and_without_the_front_end(folder, system, capsys, caplog):
    assert run(system) == 0
    table = capsys.readouterr().out
    assert table == (folder / "out/front_end_asr.md").read_text()
    assert (folder / "out/front_end_asr.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    content = json.loads((folder / "out/front_end_asr.json").read_text())
    rows = content["rows"]
    assert [(row["condition"], row["system"]) for row in rows] == [
        (condition, name) for condition in CONDITIONS for name in ("none", "tiny")
    ]
    size = num_parameters(Extractor.from_pretrained(system))
    for row in rows:
        assert row["recogniser"] == "pocketsphinx" and row["smoke_test"]
        assert row["num_words"] == 3 and row["num_utterances"] == 2
        errors = row["substitutions"] + row["deletions"] + row["insertions"]
        assert abs(row["wer"] - errors / 3) < 1e-6
        assert row["ci95"] is None or row["ci95"][0] <= row["wer"] <= row["ci95"][1]
        assert row["recogniser_parameters"] is None
        assert row["front_end_parameters"] == (size if row["system"] == "tiny" else 0)
    assert "WER% (pocketsphinx*)" in table and "\\* smoke test" in table
    assert "the figure counts the front ends alone" in table and "5 dB below them" in table
    # Only words are scored, nothing of it where the report looks for results.
    result = json.loads((folder / "out/noisy/tiny/recognised/result.json").read_text())
    assert list(result["wer"]) == ["wer_pocketsphinx"] and not result["metrics"]
    assert not list((folder / "out").rglob("scoring"))

    # Again: nothing is made, extracted or recognised.
    before = files_of(folder / "out")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert run(system) == 0
    assert caplog.text.count("0 of 2 mixtures to extract") == 4
    assert caplog.text.count("0 of 2 inputs to make") == 2
    assert caplog.text.count(": 0 values computed") == 8
    after = files_of(folder / "out")
    assert {name: content for name, (_, content) in after.items()} == {
        name: content for name, (_, content) in before.items()
    }
    assert all(after[name][0] == before[name][0] for name in before if name.endswith(".wav"))

    # What is lost is made again, and nothing else; inputs of other settings are not mixed with these.
    for lost in ("out/inputs/noisy/a.wav", "out/noisy/tiny/b.wav"):
        (folder / lost).unlink()
    capsys.readouterr()
    assert run(system, "--seed", "1") == 1
    assert "was begun with another seed" in capsys.readouterr().err
    assert run(system, "--snr_db", "0", "--rt60_s", "0.2") == 1
    assert "was begun with another snr_db, rt60_s" in capsys.readouterr().err
    assert run(system) == 0
    again = files_of(folder / "out")
    assert {name: content for name, (_, content) in again.items() if name.endswith(".wav")} == {
        name: content for name, (_, content) in before.items() if name.endswith(".wav")
    }


def test_inputs_are_what_they_are_said_to_be(folder, system):
    write_signal(folder / "audio" / "hum.wav", 0.1 * np.sin(np.arange(30000) * 0.05))
    response = np.zeros(4000)
    response[[100, 900, 2100]] = (0.8, -0.3, 0.2)
    write_signal(folder / "audio" / "room.wav", response)
    write_scp(folder / "noises.scp", {"hum": "audio/hum.wav"})
    write_scp(folder / "rooms.scp", {"room": "audio/room.wav"})
    assert run(system, "--noise_scp", "noises.scp", "--rir_scp", "rooms.scp", "--snr_db", "-3") == 0
    inputs = {name: read_scp(folder / "out/inputs" / name / "wav.scp") for name in CONDITIONS}
    assert inputs["mixture"] == read_scp(folder / "data/wav.scp")
    assert inputs["single"] == read_scp(folder / "data/spk1.scp")
    for key in KEYS:
        clean, noisy, wet = (read_audio(inputs[name][key])[0] for name in CONDITIONS[1:])
        assert len(clean) == len(noisy) == len(wet)
        ratio_db = 20 * np.log10(level(clean, "rms") / level(noisy - clean, "rms"))
        assert abs(ratio_db + 3) < 0.1
        expected = clean.astype(np.float64)
        for lag, tap in ((800, -0.375), (2000, 0.25)):
            expected[lag:] += tap * clean[:-lag]
        expected *= level(clean, "rms") / level(expected, "rms")
        assert np.abs(wet - expected).max() < 1e-3
    table = (folder / "out/front_end_asr.md").read_text()
    assert "noise of noises.scp, -3 dB below them" in table and "impulse responses of rooms.scp" in table


def test_sizes_of_recognisers_are_the_published_ones(folder):
    save_whisper(folder / "models/whisper/tiny.pt")
    both = Recognition(("whisper:tiny", "pocketsphinx:two.jsgf:tag=two"), folder / "models")
    both.check()
    assert both.parameters == {"whisper_tiny": 39_000_000, "two": None}


def test_several_recognisers_have_a_column_each(folder, system):
    assert run(system, "--asr", "pocketsphinx:two.jsgf:tag=again") == 0
    rows = json.loads((folder / "out/front_end_asr.json").read_text())["rows"]
    assert len(rows) == 16 and [row["recogniser"] for row in rows[:2]] == ["pocketsphinx", "again"]
    assert rows[0]["wer"] == rows[1]["wer"]
    table = (folder / "out/front_end_asr.md").read_text()
    assert "| WER% (pocketsphinx*) | WER% (again*) |" in table


def test_all_modules_count_codecs_and_their_tables_too(system):
    extractor = Extractor.from_pretrained(system)
    model, codec = extractor.model, extractor.model.codec
    assert not list(key for key in model.state_dict() if key.startswith("codec."))
    counted = sum(parameter.numel() for parameter in model.parameters())
    own = sum(parameter.numel() for parameter in codec.parameters())
    assert 0 < own < counted
    assert num_parameters(extractor) == counted + codec.codebooks.numel()
    extractor.corrector = torch.nn.Linear(3, 4)
    assert num_parameters(extractor) == counted + codec.codebooks.numel() + 16


def drop_text(folder: Path) -> None:
    (folder / "data/text_spk1").unlink()


def short_list(name: str):
    def drop(folder: Path) -> None:
        path = folder / "data" / name
        path.write_text(path.read_text().splitlines()[0] + "\n")

    return drop


def slower_mixtures(folder: Path) -> None:
    for key in KEYS:
        write_signal(
            folder / f"audio/{key}_wav.wav", np.ones(3000) * 0.1 * np.sign(np.arange(3000) % 7 - 3), 8000
        )


def all_at_8_khz(folder: Path) -> None:
    for path in (folder / "audio").glob("*.wav"):
        write_signal(path, read_audio(path)[0][::2], 8000)


def noises_at_8_khz(folder: Path) -> None:
    write_signal(folder / "audio/hum.wav", 0.1 * np.sin(np.arange(3000) * 0.05), 8000)
    write_scp(folder / "noises.scp", {"hum": "audio/hum.wav"})


def silent_target(folder: Path) -> None:
    write_signal(folder / "audio/b_spk1.wav", np.zeros(9000))


def nothing(folder: Path) -> None:
    pass


@pytest.mark.parametrize(
    "spoil, words, asr, code, message",
    [
        (drop_text, "", None, 1, "data: has no transcripts (text_spk1 or text"),
        (
            short_list("text_spk1"),
            "",
            None,
            1,
            "text_spk1: lacks 1 of 2 keys of data/wav.scp, the first is 'b'",
        ),
        (short_list("spk1.scp"), "", None, 1, "spk1.scp: lacks 1 of 2 keys"),
        (short_list("enroll_spk1.scp"), "", None, 1, "enroll_spk1.scp: lacks 1 of 2 keys"),
        (slower_mixtures, "", None, 1, "data/wav.scp: is at 8000 Hz but data/spk1.scp at 16000 Hz"),
        (all_at_8_khz, "", None, 1, "--system tiny: works at 16000 Hz, the set is at 8000 Hz"),
        (
            noises_at_8_khz,
            "--noise_scp noises.scp",
            None,
            1,
            "noises.scp: is at 8000 Hz but data at 16000 Hz",
        ),
        (nothing, "--noise_scp none.scp", None, 1, "none.scp: no such file"),
        (nothing, "", "", 2, "--asr"),
        (nothing, "", "sphinx", 1, "--asr sphinx: unknown; use whisper:<model>"),
        (nothing, "", "whisper:tiny", 1, "--asr whisper:tiny: not there; --model_dir is not given"),
        (nothing, "", "pocketsphinx:no.jsgf", 1, "no such grammar file"),
        (nothing, "", "external:data/text_spk1", 1, "name a recogniser that runs"),
        (nothing, "--system tiny=exp/x", None, 2, "want NAME=MODEL with a name of its own"),
        (nothing, "--system none=exp/x", None, 2, "want NAME=MODEL with a name of its own"),
        (nothing, "--system ../x=exp/x", None, 2, "want NAME=MODEL with a name of its own"),
        (nothing, "--system other=exp/x", None, 1, "exp/x"),
        (nothing, "--snr_db nan", None, 2, "--snr_db nan: want a number of dB"),
        (nothing, "--rt60_s 0", None, 2, "--rt60_s 0.0: want seconds"),
        (nothing, "--seed -1", None, 2, "--seed: want 0 or more"),
        (nothing, "--nj 0", None, 2, "positive numbers"),
    ],
)
def test_faults_are_told_and_nothing_is_written(folder, system, capsys, spoil, words, asr, code, message):
    spoil(folder)
    options = {} if asr is None else {"asr": asr}
    assert run(system, *words.split(), **options) == code
    assert message in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_silent_target_is_named_and_no_list_is_half_written(folder, system, capsys):
    silent_target(folder)
    assert run(system) == 1
    assert "key 'b', noisy: the signal is silent" in capsys.readouterr().err
    assert not (folder / "out/inputs/noisy/wav.scp").exists()
    assert not list((folder / "out").glob("front_end_asr.*"))


def write_unise(folder: Path) -> Path:
    """A system that restores, too."""
    sizes = {
        "embedding_dim": 8,
        "encoder_channels": 8,
        "encoder_blocks": 1,
        "decoder_channels": 8,
        "decoder_blocks": 1,
    }
    config = SpectralBiCodecConfig(**sizes, n_fft=640, codebook_size=32, voice_channels=8)
    codec_conf = {"codec": "spectral_bicodec", "codec_conf": asdict(config)}
    save_codec(folder / "tokenizers" / "acoustic", SpectralBiCodec(config), codec_conf, "none", {})
    write_model(folder, {**UNISE, "tokenizers": {"acoustic": "exp/codec_nano"}}, 0)
    return folder


def test_a_system_of_another_task_is_refused(folder, capsys):
    unise = write_unise(folder / "exp/tse_unise")
    (folder / "sr.yaml").write_text("task: sr\n")
    assert run(unise, "--inference_config", "sr.yaml") == 1
    assert (
        "--system tiny: is set to task sr; a front end extracts the enrolled talker"
        in capsys.readouterr().err
    )
    assert not (folder / "out").exists()


def test_a_system_that_is_told_the_truth_is_refused(folder, capsys):
    flow = folder / "exp/tse_flow"
    flow.mkdir(parents=True)
    write_model(flow, {**parts("ad"), "model_conf": {}, "vocoder_conf": {}, "tokenizers": {}}, 0)
    (folder / "oracle.yaml").write_text("ratio: oracle\n")
    assert run(flow, "--inference_config", "oracle.yaml") == 1
    assert "--system tiny: ratio: oracle reads the truth" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_folder_of_something_else_is_refused(folder, system, capsys):
    (folder / "out").mkdir()
    (folder / "out/settings.json").write_text("[1]")
    assert run(system) == 1
    assert "out/settings.json: cannot be read" in capsys.readouterr().err
    (folder / "out/settings.json").unlink()
    (folder / "out/inputs").mkdir()
    assert run(system) == 1
    assert "out: holds inputs of unknown settings" in capsys.readouterr().err
