"""Settings that a checkpoint brings along are told apart from what a training changes itself."""

import pytest
import torch
from espnet2.tasks.abs_task import scheduler_classes

import espnet_tse.tasks.tse  # noqa: F401  adds this package's schedules to the table
from espnet_tse.train.kept_settings import settings_of
from espnet_tse.train.system_step import SystemStep

# A setting of each schedule, and another value of it.
SETTINGS = {
    "reducelronplateau": ({"factor": 0.5, "patience": 0}, {"factor": 0.1}),
    "steplr": ({"step_size": 2}, {"step_size": 3}),
    "multisteplr": ({"milestones": [2, 4]}, {"milestones": [3, 4]}),
    "exponentiallr": ({"gamma": 0.5}, {"gamma": 0.9}),
    "cosineannealinglr": ({"T_max": 50}, {"T_max": 60}),
    "noamlr": ({"model_size": 10, "warmup_steps": 4}, {"warmup_steps": 5}),
    "warmuplr": ({"warmup_steps": 4}, {"warmup_steps": 5}),
    "piecewiselinearwarmuplr": (
        {"warmup_steps_list": [0, 5], "warmup_lr_list": [0.0, 1.0]},
        {"warmup_lr_list": [0.0, 2.0]},
    ),
    "warmupsteplr": ({"warmup_steps": 4, "steps_per_epoch": 3}, {"warmup_steps": 5}),
    "warmupreducelronplateau": ({"warmup_steps": 4, "patience": 0, "factor": 0.5}, {"warmup_steps": 5}),
    "cycliclr": ({"base_lr": 1e-3, "max_lr": 1e-2, "step_size_up": 3}, {"max_lr": 2e-2}),
    "onecyclelr": ({"max_lr": 1e-2, "total_steps": 100}, {"pct_start": 0.5}),
    "cosineannealingwarmrestarts": ({"T_0": 3, "T_mult": 2}, {"T_mult": 3}),
    "cosineannealingwarmuprestarts": ({"first_cycle_steps": 3, "gamma": 0.5}, {"max_lr": 0.2}),
    "tristagelr": (
        {"max_steps": 20, "warmup_ratio": 0.1, "hold_ratio": 0.4, "decay_ratio": 0.5},
        {"hold_ratio": 0.3, "decay_ratio": 0.6},
    ),
    "exponentialdecaywarmup": ({"max_lr": 1e-2, "min_lr": 1e-4, "total_steps": 100}, {"max_lr": 2e-2}),
    # Its own settings are always those given; the rate that they scale is the checkpoint's.
    "warmup_plateau": ({"warmup_steps": 3, "decay_epoch": 1, "patience": 1}, None),
}


class Model(torch.nn.Linear):
    sample_rate = 16000


def make_step(scheduler, conf, lr=1e-3):
    model = Model(1, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return SystemStep(model, optimizer, scheduler and scheduler_classes[scheduler](optimizer, **conf))


def train(step, epochs=4, updates=3):
    for _ in range(epochs):
        for _ in range(updates):
            step.phases[0].optimizer.step()
            step.after_update()
        step.after_epoch(lambda *_: 1.0)
    return step


def test_every_schedule_is_tried():
    assert SETTINGS.keys() == scheduler_classes.keys() - {"lambdalr"}  # which no YAML can configure


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scheduler", [None, *SETTINGS])
def test_training_changes_no_setting_and_other_settings_show(scheduler):
    conf, change = SETTINGS.get(scheduler, ({}, None))
    fresh = make_step(scheduler, conf).settings()
    trained = train(make_step(scheduler, conf))
    assert trained.settings() == fresh
    if change is not None:
        assert make_step(scheduler, {**conf, **change}).settings() != fresh
    if not {"max_lr", "base_lr"} & {*conf} and scheduler != "cosineannealingwarmuprestarts":
        other = make_step(scheduler, conf, lr=2e-3).settings()
        assert {name for name in fresh if fresh[name] != other[name]} == {"learning rate"}
        assert (fresh["learning rate"], other["learning rate"]) == (1e-3, 2e-3)


def test_groups_of_weights_have_rates_of_their_own():
    one, two = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([{"params": [one]}, {"params": [two], "lr": 0.2}], lr=0.1)
    settings = settings_of(optimizer, None)
    assert settings["learning rate"] == [0.1, 0.2] and settings["weight_decay"] == 0.01
