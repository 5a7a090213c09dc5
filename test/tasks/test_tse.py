import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from tse_system import SYSTEM, write_codec, write_signal

from espnet_tse.bin import encode_codes, tse_train
from espnet_tse.schema.scp import write_scp
from espnet_tse.tasks.extractor import Extractor

TRAINING = {
    "crop_s": 0.6,
    "enrollment_s": 0.4,
    "batch_size": 4,
    "num_workers": 0,
    "num_iters_per_epoch": 3,
    "optim": "adam",
    "optim_conf": {"lr": 1.0e-3},
    "num_att_plot": 0,
    "use_matplotlib": False,
    "use_tensorboard": False,
    "best_model_criterion": [["valid", "loss", "min"]],
    "keep_nbest_models": 1,
    "grad_clip": 5.0,
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A source directory of 3 speakers, a TSE directory of 2 rows, a codec and all codes."""
    root = tmp_path_factory.mktemp("recipe")
    rng = np.random.default_rng(0)
    sources, speakers = {}, {}
    for speaker in range(3):
        for utterance in range(2):
            key = f"spk{speaker}-{utterance}"
            sources[key], speakers[key] = root / f"{key}.wav", f"spk{speaker}"
            write_signal(sources[key], rng.standard_normal(16000) * 0.05)
    train, valid = root / "train", root / "valid"
    write_scp(train / "wav.scp", sources)
    write_scp(train / "utt2spk", speakers)
    (train / "mixing.yaml").write_text("sir_db: [-5, 5]\n")
    rows = {"mix0": ("spk0-0", "spk1-0", "spk0-1"), "mix1": ("spk1-0", "spk2-0", "spk1-1")}
    write_scp(valid / "wav.scp", {key: sources[row[0]] for key, row in rows.items()})
    write_scp(valid / "spk1.scp", {key: sources[row[0]] for key, row in rows.items()})
    write_scp(valid / "enroll_spk1.scp", {key: sources[row[2]] for key, row in rows.items()})
    write_scp(valid / "utt2spk", {key: speakers[row[0]] for key, row in rows.items()})
    codec = write_codec(root / "codec")
    for name, scp in (("train", train / "wav.scp"), ("valid", valid / "spk1.scp")):
        command = ["--codec", str(codec), "--scp", str(scp), "--output_dir", str(root / f"codes_{name}")]
        assert encode_codes.main([*command, "--shard", "1/1"]) == 0
        assert encode_codes.main([*command, "--merge", "1"]) == 0
    return root


def options(recipe, output_dir, conf=None, **training):
    path = output_dir.parent / f"{output_dir.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**SYSTEM, **TRAINING, **(conf or {}), **training}))
    return [
        f"--config={path}",
        f"--train_data_dir={recipe / 'train'}",
        f"--valid_data_dir={recipe / 'valid'}",
        f"--train_codes={recipe / 'codes_train'}",
        f"--valid_codes={recipe / 'codes_valid'}",
        f"--codec_dir={recipe / 'codec'}",
        f"--output_dir={output_dir}",
        "--ngpu=0",
    ]


def weights(folder, name="latest.pth"):
    return torch.load(folder / name, weights_only=True)


def test_resumed_training_equals_uninterrupted_training_bit_by_bit(recipe, tmp_path, caplog):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    tse_train.main(options(recipe, whole, max_epoch=2))
    tse_train.main(options(recipe, parts, max_epoch=1))
    first = weights(parts)
    with caplog.at_level("INFO"):
        tse_train.main(options(recipe, parts, max_epoch=2))
    assert "The training was resumed" in caplog.text
    assert any(not torch.equal(value, weights(parts)[name]) for name, value in first.items())
    for name, value in weights(whole).items():
        torch.testing.assert_close(value, weights(parts)[name], atol=0, rtol=0)
    assert not list(whole.glob("*.tmp"))
    # The folder that training leaves is all that extraction needs.
    noise = np.random.default_rng(1).standard_normal(8000).astype(np.float32) * 0.1
    estimate = Extractor.from_pretrained(whole, codec_dir=str(recipe / "codec"))(noise, noise[::-1].copy(), 16000)
    assert estimate.shape == noise.shape


def test_a_truncated_checkpoint_is_named(recipe, tmp_path, capsys):
    folder = tmp_path / "exp"
    tse_train.main(options(recipe, folder, max_epoch=1))
    (folder / "checkpoint.pth").write_bytes((folder / "checkpoint.pth").read_bytes()[:100])
    assert tse_train.main(options(recipe, folder, max_epoch=2)) == 1
    assert "checkpoint.pth cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"vocoder_conf": {"num_layer": 1}}, "unknown 'num_layer' (did you mean 'num_layers'?)"),
        ({"encoder": "shared_transfomer"}, "did you mean 'shared_transformer'"),
        ({"enrolment_s": 3.0}, "did you mean 'enrollment_s'"),
        ({"lm_conf": {"width": 30, "num_heads": 4}}, "not divisible"),
        ({"lm_conf": {"history_dropout": 2.0}}, "history_dropout"),
        ({"model_conf": {"truth_share": -1.0}}, "truth_share"),
        ({"frontend_conf": {"hop_length": 0}}, "positive"),
        ({"lm_conf": {"position": "absolute"}}, "none of"),
        ({"lm_conf": {"activation": "gelu"}}, "none of"),
        ({"optim": "adamm"}, "optim: unknown 'adamm' (did you mean 'adam'?)"),
        ({"scheduler": "onecycle"}, "scheduler: unknown 'onecycle' (did you mean 'onecyclelr'?)"),
    ],
)
def test_faults_of_a_yaml_end_with_code_2_and_a_mend(recipe, tmp_path, capsys, conf, fault):
    with pytest.raises(SystemExit) as exit_:
        tse_train.main(options(recipe, tmp_path / "exp", conf))
    assert exit_.value.code == 2 and fault in capsys.readouterr().err
    assert not (tmp_path / "exp").exists()


def test_all_faults_of_one_yaml_come_together(recipe, tmp_path, capsys):
    conf = {"vocoder_conf": {"num_layer": 1}, "lm_conf": {"widht": 8}}
    with pytest.raises(SystemExit):
        tse_train.main(options(recipe, tmp_path / "exp", conf))
    error = capsys.readouterr().err
    assert "num_layer" in error and "widht" in error


def test_options_are_written_out(recipe, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        tse_train.main([*options(recipe, tmp_path / "exp"), "--max_ep=1"])
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and "unknown option --max_ep (did you mean --max_epoch?)" in error
    assert len(error.splitlines()) < 10  # the usage of hundreds of options does not bury it


def test_codes_of_another_codec_are_refused(recipe, tmp_path, capsys):
    other = write_codec(tmp_path / "other", seed=1)
    command = [option for option in options(recipe, tmp_path / "exp") if not option.startswith("--codec_dir")]
    assert tse_train.main([*command, f"--codec_dir={other}"]) == 1
    assert "codec mismatch" in capsys.readouterr().err


def test_missing_sets_are_named(recipe, tmp_path, capsys):
    command = [option for option in options(recipe, tmp_path / "exp") if "train_data_dir" not in option]
    with pytest.raises(SystemExit) as exit_:
        tse_train.main(command)
    assert exit_.value.code == 2 and "--train_data_dir is required" in capsys.readouterr().err


def test_print_config_is_a_config_with_every_default(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({**SYSTEM, **TRAINING}))
    command = [sys.executable, "-m", "espnet_tse.bin.tse_train", "--config", str(path), "--print_config"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    printed = yaml.safe_load(output)
    assert printed["lm_conf"]["history_dropout"] == 0.0 and printed["encoder_conf"]["dropout"] == 0.1
