"""Schedules that are too short are refused before the first update; what a checkpoint keeps of them is told."""

import pytest
from nano_training import options

from espnet_tse.bin import tse_train
from espnet_tse.train.checkpoint import read_checkpoint

ONE_CYCLE = {"scheduler": "onecyclelr", "scheduler_conf": {"max_lr": 1.0e-3, "total_steps": 6}}
BY_LENGTH = {
    "num_iters_per_epoch": None,
    "batch_size": 1,
    "max_batch_s": 1.3,
}  # 6 utterances of 0.6 s, two a batch


@pytest.mark.parametrize(
    "conf, fault",
    [
        (
            {**ONE_CYCLE, "max_epoch": 3},
            "total_steps (or epochs x steps_per_epoch) is 6, which lasts 6 updates",
        ),
        (
            {**ONE_CYCLE, "max_epoch": 4, "accum_grad": 2},
            "--max_epoch 4 has 8; set total_steps: 8, or --max_epoch 3",
        ),
        (
            {"scheduler": "cosineannealinglr", "scheduler_conf": {"T_max": 2}, "max_epoch": 5},
            "T_max is 2, which lasts 3 epochs, but the training to --max_epoch 5 has 5; set T_max: 4, or --max_epoch 3",
        ),
    ],
)
def test_what_the_yaml_shows_ends_with_code_2(recipe, tmp_path, capsys, conf, fault):
    with pytest.raises(SystemExit) as end:
        tse_train.main(options(recipe, tmp_path / "exp", **conf))
    message = capsys.readouterr().err
    assert end.value.code == 2 and not (tmp_path / "exp").exists()
    assert (
        f"{tmp_path / 'exp.yaml'}: scheduler_conf of '{conf['scheduler']}': " in message and fault in message
    )


def test_what_only_the_data_show_ends_before_the_first_update(recipe, tmp_path, capsys, caplog):
    folder = tmp_path / "exp"
    assert tse_train.main(options(recipe, folder, **ONE_CYCLE, **BY_LENGTH, max_epoch=3)) == 1
    assert (
        "error: scheduler_conf: total_steps (or epochs x steps_per_epoch) is 6, which lasts 6 updates, but the training "
        "to --max_epoch 3 has 9; set total_steps: 9, or --max_epoch 2" in capsys.readouterr().err
    )
    assert "1/3epoch started" not in caplog.text and not (folder / "checkpoint.pth").exists()


@pytest.mark.parametrize("batches", [{}, BY_LENGTH])
def test_a_schedule_of_the_right_length_goes_through(recipe, tmp_path, batches):
    assert tse_train.main(options(recipe, tmp_path / "exp", **ONE_CYCLE, **batches, max_epoch=2)) in (0, None)
    assert read_checkpoint(tmp_path / "exp")["schedulers"][0]["last_epoch"] == 6


def test_a_training_that_goes_on_too_long_is_refused(recipe, tmp_path, capsys):
    """A longer schedule in the YAML does not help it: the checkpoint has the one it was begun with."""
    folder = tmp_path / "exp"
    tse_train.main(options(recipe, folder, **ONE_CYCLE, max_epoch=1))
    longer = {"scheduler": "onecyclelr", "scheduler_conf": {"max_lr": 1.0e-3, "total_steps": 20}}
    assert tse_train.main(options(recipe, folder, **longer, max_epoch=4)) == 1
    assert (
        "is 6, which lasts 6 updates, but the training to --max_epoch 4 has 12. The checkpoint keeps its schedule: end "
        "with --max_epoch 2, or train with total_steps: 12 in another --output_dir."
        in capsys.readouterr().err
    )
    assert read_checkpoint(folder)["reporter"]["epoch"] == 1
    assert tse_train.main(options(recipe, folder, **longer, max_epoch=2)) in (0, None)


def test_settings_that_the_checkpoint_keeps_are_told_in_one_line(recipe, tmp_path, caplog):
    folder, kept = tmp_path / "exp", "keeps its own settings, those given have no effect: "
    conf = {"scheduler": "warmuplr", "scheduler_conf": {"warmup_steps": 10}}
    tse_train.main(options(recipe, folder, **conf, max_epoch=1))
    tse_train.main(options(recipe, folder, **conf, max_epoch=2))
    assert kept not in caplog.text
    conf = {"scheduler": "warmuplr", "scheduler_conf": {"warmup_steps": 20}}
    optim = {"optim_conf": {"lr": 5.0e-4, "weight_decay": 0.1}}
    tse_train.main(options(recipe, folder, **conf, **optim, max_epoch=3))
    [told] = [message for message in caplog.messages if kept in message]
    assert told == (
        f"{folder}/checkpoint.pth {kept}learning rate 0.0005 -> 0.001, weight_decay 0.1 -> 0, warmup_steps 20 -> 10. To "
        "train with those given, start in another --output_dir (--init_param takes the weights along)."
    )


@pytest.mark.parametrize(
    "change, cause",
    [
        ({"optim": "sgd", "optim_conf": {"lr": 0.1}}, "it has no momentum, dampening"),
        (
            {"scheduler": "steplr", "scheduler_conf": {"step_size": 1}},
            "its schedule is WarmupLR, here StepLR",
        ),
    ],
)
def test_another_optimizer_or_schedule_is_refused(recipe, tmp_path, capsys, change, cause):
    conf = {"scheduler": "warmuplr"}
    tse_train.main(options(recipe, tmp_path / "exp", **conf, max_epoch=1))
    assert tse_train.main(options(recipe, tmp_path / "exp", **{**conf, **change}, max_epoch=2)) == 1
    assert f"is of another system or optimizer ({cause}" in capsys.readouterr().err
