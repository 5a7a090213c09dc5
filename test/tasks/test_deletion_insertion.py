"""espnet-tse analyse-di on files."""

import json

import numpy as np
import pytest
import torch
from nano_mask2flow import PARTS
from tse_system import write_model

from espnet_tse.bin import analyse_di
from espnet_tse.io.audio import read_audio, write_audio
from espnet_tse.tasks.extractor import Extractor

SYSTEM = {**PARTS, "vocoder_conf": {}, "model": "mask2flow", "model_conf": {}, "tokenizers": {}}
WAYS = ("mixture to target", "mixture to masked", "mixture to step 1")


@pytest.fixture
def lists(tmp_path):
    """Two mixtures of a target and a louder interferer, and enrollments."""
    rng, lines = np.random.default_rng(0), {"mix": [], "spk1": [], "enroll": []}
    for key, length in (("a", 8000), ("b", 6000)):
        target, other = (rng.standard_normal(length).astype(np.float32) * level for level in (0.02, 0.05))
        for name, signal in (("spk1", target), ("mix", target + other), ("enroll", target[:5000])):
            write_audio(tmp_path / name / f"{key}.wav", signal, 16000)
            lines[name].append(f"{key} {tmp_path / name / key}.wav\n")
    for name, rows in lines.items():
        (tmp_path / f"{name}.scp").write_text("".join(rows))
    return tmp_path


def run(lists, *words: str) -> int:
    command = ["--mix_scp", str(lists / "mix.scp"), "--output_dir", str(lists / "out"), *words]
    return analyse_di.main(command)


def test_the_target_is_had_by_deletion_and_the_mixture_by_nothing(lists, capsys):
    assert run(lists, "--ref_scp", str(lists / "spk1.scp"), "--system", f"same={lists / 'mix.scp'}") == 0
    found = json.loads((lists / "out" / "di.json").read_text())
    assert found["mixtures"] == 2
    assert found["percent_deleted"]["mixture to target"]["raw"] > 95
    assert found["percent_deleted"]["mixture to same"] == {"raw": None, "l2": None}
    assert (lists / "out" / "di.png").read_bytes()[:4] == b"\x89PNG"
    assert "mixture to target" in capsys.readouterr().out


def test_a_mask_deletes_and_the_last_step_is_the_estimate(lists, tmp_path):
    folder = tmp_path / "exp" / "tse_m2f"
    folder.mkdir(parents=True)
    write_model(folder, SYSTEM, 0)
    model = Extractor.from_pretrained(folder).model
    for name, parameter in model.lm.named_parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    torch.save(model.state_dict(), folder / "valid.loss.ave.pth")
    (folder / "valid.loss.ave.pth.sha256").unlink(missing_ok=True)
    (tmp_path / "four.yaml").write_text("steps: 4\n")
    words = ["--model", str(folder), "--enroll_scp", str(lists / "enroll.scp")]
    assert run(lists, *words, "--inference_config", str(tmp_path / "four.yaml")) == 0
    found = json.loads((lists / "out" / "di.json").read_text())["percent_deleted"]
    assert list(found) == [
        "mixture to masked",
        *(f"mixture to step {n}" for n in range(1, 5)),
        "masked to output",
    ]
    assert found["mixture to masked"]["raw"] == 100.0
    assert all(0 <= way[kind] <= 100 for way in found.values() for kind in ("raw", "l2"))
    assert found["mixture to step 4"] != found["mixture to masked"]


def test_offsets_and_long_pauses_change_nothing_as_in_an_extraction(lists, tmp_path):
    write_model(tmp_path, SYSTEM, 0)
    rng, found = np.random.default_rng(1), []
    signals = {key: 0.05 * rng.standard_normal(8000) for key in ("a", "b", "enrollment")}
    signals |= {f"target of {key}": signals[key] * np.linspace(0, 1, 8000) for key in ("a", "b")}
    signals = {key: signal - signal.mean() for key, signal in signals.items()}
    for offset, pause_s in ((0.0, 2), (0.1, 6)):
        for key in ("a", "b"):
            heard = {"mix": signals[key] + offset, "spk1": signals[f"target of {key}"] - offset}
            heard["enroll"] = np.pad(signals["enrollment"], (0, 16000 * pause_s))
            for name, signal in heard.items():
                write_audio(lists / name / f"{key}.wav", signal.astype(np.float32), 16000, as_float=True)
        words = ["--model", str(tmp_path), "--enroll_scp", str(lists / "enroll.scp")]
        assert run(lists, *words, "--ref_scp", str(lists / "spk1.scp")) == 0
        shares = json.loads((lists / "out" / "di.json").read_text())["percent_deleted"]
        found.append([shares[way][kind] for way in WAYS for kind in ("raw", "l2")])
    np.testing.assert_allclose(*found, atol=1e-3, rtol=0)


def test_what_does_not_go_together_is_said(lists, capsys):
    write_audio(lists / "spk1" / "b.wav", read_audio(lists / "spk1" / "b.wav")[0][:5000], 16000)
    assert run(lists, "--ref_scp", str(lists / "spk1.scp")) == 1
    assert "key 'b': " in (error := capsys.readouterr().err) and "5000 samples" in error
    (lists / "spk1.scp").write_text(f"a {lists}/spk1/a.wav\n")
    assert run(lists, "--ref_scp", str(lists / "spk1.scp")) == 1
    assert "target: lacks 1 keys" in capsys.readouterr().err
    assert not (lists / "out").exists()
    for words in ([], ["--model", "x"], ["--system", "x"], ["--system", f"target={lists / 'mix.scp'}"]):
        with pytest.raises(SystemExit) as stopped:
            run(lists, *words)
        assert stopped.value.code == 2
