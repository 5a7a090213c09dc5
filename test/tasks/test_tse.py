import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from nano_training import TRAINING, options, weights
from tse_system import SYSTEM, write_codec

from espnet_tse.bin import tse_train
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.tse import TSETask


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
    estimate = Extractor.from_pretrained(whole, tokenizers={"acoustic": str(recipe / "codec")})(
        noise, noise[::-1].copy(), 16000
    )
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
        ({"optim_conf": {"lrr": 1.0e-3}}, "exp.yaml: optim_conf of 'adam': unknown 'lrr' (did you mean"),
        ({"optim_conf": {"lr": "1e-3"}}, "YAML reads 1e-3 as text; write 1.0e-3"),
        ({"optim_conf": {"lr": -1.0}}, "optim_conf of 'adam': Invalid learning rate: -1.0"),
        ({"optim_conf": None}, "exp.yaml: optim_conf: want 'key: value' pairs, got None"),
        (
            {"scheduler": "warmup_plateau", "scheduler_conf": {"warmup_stps": 10}},
            "scheduler_conf of 'warmup_plateau': unknown 'warmup_stps' (did you mean 'warmup_steps'?)",
        ),
        (
            {"scheduler": "onecyclelr", "scheduler_conf": {"max_lr": 0.1, "total_stps": 9}},
            "unknown 'total_stps' (did you mean 'total_steps'?)",
        ),
        ({"scheduler": "steplr"}, "scheduler_conf of 'steplr': lacks step_size"),
        ({"crop_s": -1}, "--crop_s is -1, want seconds above 0"),
        ({"enrollment_s": 0.0}, "--enrollment_s is 0.0, want seconds above 0"),
        ({"max_batch_s": [24]}, "exp.yaml: max_batch_s: want a number, got [24]"),
        ({"accum_grad": {"a": 1}}, "exp.yaml: accum_grad: want a whole number, got {'a': 1}"),
        ({"ema_decay": [0.9]}, "ema_decay: want a number or none, got [0.9]"),
        ({"optim": ["adam"]}, "optim: want one value, got ['adam']"),
        ({"encoder": {"name": "x"}}, "encoder: want one value, got {'name': 'x'}"),
        ({"max_epoch": None}, "exp.yaml: max_epoch is null, want a whole number"),
        ({"best_model_criterion": None}, "best_model_criterion is null, want a list"),
        ({"early_stopping_criterion": None}, "early_stopping_criterion is null, want a list"),
        ({"train_tokens": {"acoustc": "x"}}, "train_tokens: unknown 'acoustc' (did you mean 'acoustic'?)"),
        ({"mixing": {"cliping": 0.5}}, "mixing: unknown 'cliping' (did you mean 'clipping'?)"),
        ({"mixing": {"tasks": {"sr": 1}}}, "mixing: tasks of model laura_tse: unknown 'sr'"),
        ({"preferences": {"score": "dnsmos"}}, "preferences: score: unknown 'dnsmos'"),
        ({"preferences": {"candidate": 3}}, "unknown 'candidate' (did you mean 'candidates'?)"),
        ({"max_epoch": "two"}, "exp.yaml: max_epoch: 'two' is not a whole number"),
    ],
)
def test_faults_of_a_yaml_end_with_code_2_and_a_fix(recipe, tmp_path, capsys, conf, fault):
    with pytest.raises(SystemExit) as exit_:
        tse_train.main(options(recipe, tmp_path / "exp", conf))
    assert exit_.value.code == 2 and fault in capsys.readouterr().err
    assert not (tmp_path / "exp").exists()


def test_all_faults_of_one_yaml_come_together(recipe, tmp_path, capsys):
    conf = {"vocoder_conf": {"num_layer": 1}, "lm_conf": {"widht": 8}}
    conf |= {"optim_conf": {"lrr": 1.0}, "accum_grad": 0}
    with pytest.raises(SystemExit):
        tse_train.main(options(recipe, tmp_path / "exp", conf))
    error = capsys.readouterr().err
    assert all(fault in error for fault in ("num_layer", "widht", "lrr", "accum_grad"))


def test_the_help_of_an_option_is_its_own():
    helps = {action.dest: action.help for action in TSETask.get_parser()._actions}
    assert "mixing.yaml" in helps["mixing"] and "stage 5" in helps["stored_passes"]


def test_options_are_written_out(recipe, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_:
        tse_train.main([*options(recipe, tmp_path / "exp"), "--max_ep=1"])
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and "unknown option --max_ep (did you mean --max_epoch?)" in error
    assert len(error.splitlines()) < 10  # the usage of hundreds of options does not bury it


def test_codes_of_another_codec_are_refused(recipe, tmp_path, capsys):
    other = write_codec(tmp_path / "other", seed=1)
    command = [
        option for option in options(recipe, tmp_path / "exp") if not option.startswith("--tokenizers")
    ]
    assert tse_train.main([*command, f"--codec_dir={other}"]) == 1
    assert "codec mismatch" in capsys.readouterr().err


def test_a_set_whose_mixtures_are_ready_is_not_mixed_otherwise(recipe, tmp_path, capsys):
    command = [option for option in options(recipe, tmp_path / "exp") if "train_data_dir" not in option]
    command = [option.replace("codes_train", "codes_valid") for option in command]
    words = [*command, f"--train_data_dir={recipe / 'valid'}", "--mixing", "sir_db=[0,1]"]
    assert tse_train.main(words) == 1
    assert "has no mixing.yaml, so its mixtures are ready" in capsys.readouterr().err


def test_tasks_of_the_set_that_the_model_does_not_know_are_named(recipe, tmp_path, capsys):
    (tmp_path / "train").mkdir()
    for name in ("wav.scp", "utt2spk"):
        (tmp_path / "train" / name).write_text((recipe / "train" / name).read_text())
    (tmp_path / "train" / "mixing.yaml").write_text("tasks: {tse: 1, rtse: 1}\n")
    command = [option for option in options(recipe, tmp_path / "exp") if "train_data_dir" not in option]
    assert tse_train.main([*command, f"--train_data_dir={tmp_path / 'train'}"]) == 1
    assert "model laura_tse was not made for rtse, only for tse" in capsys.readouterr().err


def test_missing_sets_are_named(recipe, tmp_path, capsys):
    command = [option for option in options(recipe, tmp_path / "exp") if "train_data_dir" not in option]
    with pytest.raises(SystemExit) as exit_:
        tse_train.main(command)
    assert exit_.value.code == 2 and "--train_data_dir is required" in capsys.readouterr().err


def test_print_config_is_a_config_with_every_default(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("base: base.yaml\nlm_conf: {num_heads: 2}\n")
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**SYSTEM, **TRAINING}))
    command = [sys.executable, "-m", "espnet_tse.bin.tse_train", "--config", str(path), "--print_config"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    printed = yaml.safe_load(output)
    assert "base" not in printed and printed["lm_conf"] == {
        **printed["lm_conf"],
        **SYSTEM["lm_conf"],
        "num_heads": 2,
    }
    assert printed["lm_conf"]["history_dropout"] == 0.0 and printed["encoder_conf"]["dropout"] == 0.1
