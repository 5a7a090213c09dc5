"""What a training leaves in its folder and its log, and what it refuses."""

import math
import re

import pytest
import torch
from nano_training import options, weights

from espnet_tse.bin import tse_train
from espnet_tse.train import training
from espnet_tse.train.checkpoint import read_checkpoint


def test_the_averaged_weights_are_validated_and_kept(recipe, tmp_path, caplog):
    folder = tmp_path / "exp"
    with caplog.at_level("INFO"):
        tse_train.main(options(recipe, folder, max_epoch=1, ema_decay=0.99, log_interval=1, use_amp=True))
    states = read_checkpoint(folder)
    kept = weights(folder, "valid.loss.ave.pth")
    for name, value in states["ema"]["values"].items():
        torch.testing.assert_close(kept[name], value, atol=0, rtol=0)
    assert any(not torch.equal(kept[name], value) for name, value in states["model"].items())
    # A line of speed with every line of ESPnet's log.
    speed = [message for message in caplog.messages if message.startswith("speed: ")]
    assert len(speed) == 3 == sum("1epoch:train:" in message for message in caplog.messages)
    for figure in ("s of audio/s", "code frames/s", "data wait", "peak memory", "ETA 0:00:"):
        assert figure in speed[0]
    assert "grad_norm=" in caplog.text and "optim0_lr0=1.000e-03" in caplog.text


def test_losses_and_accuracies_are_drawn(recipe, tmp_path):
    folder = tmp_path / "exp"
    tse_train.main(options(recipe, folder, max_epoch=2, use_matplotlib=True))
    for name in ("loss", "loss_ce", "loss_reg", "acc_1", "acc_2", "optim0_lr0", "grad_norm"):
        assert (folder / "images" / f"{name}.png").stat().st_size > 1000, name


@pytest.mark.parametrize(
    "scheduler, conf",
    [
        ("warmup_plateau", {"warmup_steps": 1, "decay_epoch": 0, "patience": 1, "min_lr": 0.0}),
        ("reducelronplateau", {"factor": 0.5, "patience": 0, "eps": 0.0}),
    ],
)
def test_the_rate_is_halved_where_the_validation_stalls(recipe, tmp_path, scheduler, conf):
    """In the released code the halving is undone by the next update."""
    # Rates so small that float32 weights stay: every epoch but the first stalls.
    settings = {"optim": "sgd", "optim_conf": {"lr": 1e-20}, "scheduler": scheduler, "scheduler_conf": conf}
    tse_train.main(options(recipe, tmp_path / "exp", max_epoch=4, **settings))
    stats = read_checkpoint(tmp_path / "exp")["reporter"]["stats"]
    assert len({stats[epoch]["valid"]["loss"] for epoch in stats}) == 1
    rates = [stats[epoch]["train"]["optim0_lr0"] for epoch in sorted(stats)]
    assert rates == pytest.approx([1e-20, 1e-20, 0.5e-20, 0.25e-20], rel=1e-6)


def test_the_scale_of_a_float16_loss_is_resumed(recipe, tmp_path, monkeypatch):
    """As on GPUs without bfloat16, the scale grown after each finite update."""
    monkeypatch.setattr(training, "autocast_type", lambda device: torch.float16)
    scaler = torch.amp.GradScaler
    settings = {"init_scale": 4.0, "growth_interval": 2}
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device: scaler(device, **settings))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    conf = {"use_amp": True, "checkpoint_interval": 1}
    tse_train.main(options(recipe, whole, max_epoch=3, **conf))
    for epochs in (1, 2, 3):
        tse_train.main(options(recipe, parts, max_epoch=epochs, **conf))
    one, other = read_checkpoint(whole), read_checkpoint(parts)
    assert one["scaler"] == other["scaler"]
    # Nine updates: the scale has doubled four times and the ninth is counted.
    assert one["scaler"]["scale"] == 64.0 and one["scaler"]["_growth_tracker"] == 1
    torch.testing.assert_close(one["model"], other["model"], atol=0, rtol=0)


def test_a_damaged_checkpoint_costs_an_epoch_and_nothing_else(recipe, tmp_path, caplog):
    whole, damaged = tmp_path / "whole", tmp_path / "damaged"
    tse_train.main(options(recipe, whole, max_epoch=3))
    tse_train.main(options(recipe, damaged, max_epoch=2))
    path = damaged / "checkpoint.pth"
    path.write_bytes(path.read_bytes()[:-100])
    tse_train.main(options(recipe, damaged, max_epoch=3))
    assert "going on from the one before it" in caplog.text
    torch.testing.assert_close(weights(whole), weights(damaged), atol=0, rtol=0)


def test_early_stopping_stays_stopped(recipe, tmp_path, caplog):
    conf = {"optim_conf": {"lr": 0.0}, "max_epoch": 9, "patience": 1}
    with caplog.at_level("INFO"):
        for _ in range(2):  # the second time there is nothing to do
            tse_train.main(options(recipe, tmp_path / "exp", **conf))
    assert "[Early stopping] valid.loss has not been improved for 2 epochs" in caplog.text
    assert str((tmp_path / "exp" / "latest.pth").readlink()) == "3epoch.pth"


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"best_model_criterion": [["valid", "los", "min"]]}, "best_model_criterion.*'los' .did you mean 'loss'"),
        ({"patience": 1, "early_stopping_criterion": ["valid", "x", "min"]}, "early_stopping_criterion.*unknown 'x'"),
        (
            {"scheduler": "reducelronplateau", "val_scheduler_criterion": ["valid", "acc"]},
            "val_scheduler_criterion.*unknown 'acc' .did you mean 'acc_1'",
        ),
    ],
)
def test_unknown_criteria_are_refused_before_the_first_epoch(recipe, tmp_path, capsys, conf, fault):
    assert tse_train.main(options(recipe, tmp_path / "exp", **conf)) == 1
    assert re.search(fault, capsys.readouterr().err)
    assert not list((tmp_path / "exp").glob("*.pth"))


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"grad_noise": True}, "--grad_noise True is not supported"),
        ({"train_dtype": "float16"}, "--use_amp true computes in bfloat16"),
        ({"ema_decay": 1.5}, "--ema_decay is 1.5"),
        ({"accum_grad": 0}, "--accum_grad is 0"),
        ({"max_piece_s": 0.0}, "--max_piece_s is 0.0, want seconds above 0"),
        ({"keep_nbest_models": 0}, "--keep_nbest_models is 0, want whole numbers of at least 1"),
        ({"keep_nbest_models": [5, -1]}, "--keep_nbest_models is [5, -1]"),
        ({"grad_clip": -1.0}, "--grad_clip is -1.0, want a norm above 0, or .inf to clip nothing"),
        ({"grad_clip": 0}, "--grad_clip is 0, want"),
        ({"grad_clip_type": 0}, "--grad_clip_type is 0, want"),
        ({"seed": -1}, "--seed is -1, want at least 0"),
        ({"num_iters_per_epoch": 0}, "--num_iters_per_epoch is 0, want at least 1"),
        ({"batch_size": 0}, "--batch_size is 0, want at least 1"),
        ({"num_workers": -1}, "--num_workers is -1, want at least 0"),
        ({"freeze_param": "encoder"}, "want a list, as freeze_param: [encoder]"),
        ({"best_model_criterion": [["test", "loss", "min"]]}, "criterion [test, loss, min]"),
        ({"best_model_criterion": ["valid", "loss", "min"]}, "want lists in a list, as [[valid, loss, min]]"),
        ({"best_model_criterion": []}, "--best_model_criterion is [], want lists"),
        ({"early_stopping_criterion": ["valid", "loss"]}, "criterion [valid, loss]: want"),
        ({"early_stopping_criterion": "valid"}, "criterion valid: want"),
        ({"val_scheduler_criterion": ["test", "loss"]}, "--val_scheduler_criterion is ['test', 'loss'], want"),
    ],
)
def test_options_without_effect_or_sense_end_with_code_2(recipe, tmp_path, capsys, conf, fault):
    with pytest.raises(SystemExit) as exit_:
        tse_train.main(options(recipe, tmp_path / "exp", **conf))
    assert exit_.value.code == 2 and fault in capsys.readouterr().err


def test_a_checkpoint_of_another_optimizer_is_refused(recipe, tmp_path, capsys):
    tse_train.main(options(recipe, tmp_path / "exp", max_epoch=1))
    assert tse_train.main(options(recipe, tmp_path / "exp", max_epoch=2, optim="sgd", optim_conf={"lr": 0.1}, exclude_weight_decay=True)) == 1
    assert re.search("another system or optimizer.*another --output_dir", capsys.readouterr().err)


def test_training_that_has_left_the_numbers_stops(recipe, tmp_path, caplog, capsys):
    conf = {"optim_conf": {"lr": 1.0e30}, "optim": "sgd", "grad_clip": math.inf, "max_skipped_updates": 2}
    assert tse_train.main(options(recipe, tmp_path / "exp", max_epoch=3, **conf)) == 1
    assert "2 updates in a row had no finite gradient" in capsys.readouterr().err
    assert "update skipped" in caplog.text
