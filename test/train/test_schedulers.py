"""The learning rate follows warm-up, inverse square root and plateau, and a resume changes nothing."""

import pytest
import torch

from espnet_tse.train.schedulers import OneCycle, WarmupPlateau


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def rates(scheduler: WarmupPlateau, epochs: list[float], updates: int = 4) -> list[float]:
    """The rate of every update; an epoch is its validation loss."""
    seen = []
    for loss in epochs:
        for _ in range(updates):
            seen.append(scheduler.optimizer.param_groups[0]["lr"])
            scheduler.step()
        scheduler.step(loss)
    return seen


def test_warm_up_inverse_root_then_plateau():
    scheduler = WarmupPlateau(optimizer(), warmup_steps=4, decay_epoch=2, patience=2, min_lr=0.01)
    seen = rates(scheduler, [1.0, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8])
    assert seen[:8] == pytest.approx([0.1 * min(t / 4, (4 / t) ** 0.5) for t in range(1, 9)])
    still = 0.1 * (4 / 9) ** 0.5
    # Epoch 3 improved; 4 and 5 did not, so epoch 6 runs at half the rate, epoch 8 at a quarter: it acts and stays.
    assert seen[8:20] == pytest.approx([still] * 12)
    assert seen[20:28] == pytest.approx([still / 2] * 8)
    assert seen[28:36] == pytest.approx([still / 4] * 8)
    assert seen[36:] == pytest.approx([0.01] * 4)


def test_epochs_before_the_plateau_phase_do_not_count():
    scheduler = WarmupPlateau(optimizer(), warmup_steps=2, decay_epoch=3, patience=1)
    rates(scheduler, [1.0, 1.0, 1.0])
    assert scheduler.plateau_scale == 1.0
    rates(scheduler, [1.0])
    assert scheduler.plateau_scale == 0.5


def test_the_warm_up_ends_even_where_it_outlasts_decay_epoch():
    seen = rates(WarmupPlateau(optimizer(), warmup_steps=6, decay_epoch=0, patience=9), [1.0, 1.0])
    assert seen[5] == pytest.approx(0.1) and seen[7] == pytest.approx(0.1 * (6 / 7) ** 0.5)


def test_a_resumed_schedule_goes_on():
    losses = [1.0, 1.0, 0.9, 0.9, 0.9, 0.9]
    conf = {"warmup_steps": 3, "decay_epoch": 1, "patience": 1}
    whole = rates(WarmupPlateau(optimizer(), **conf), losses)
    first = WarmupPlateau(optimizer(), **conf)
    seen = rates(first, losses[:3])
    second = WarmupPlateau(optimizer(), **conf)
    second.load_state_dict(first.state_dict())
    assert seen + rates(second, losses[3:]) == whole


@pytest.mark.parametrize("mode, better", [("min", 0.5), ("max", 2.0)])
def test_modes(mode, better):
    scheduler = WarmupPlateau(optimizer(), warmup_steps=1, decay_epoch=0, patience=1, mode=mode)
    rates(scheduler, [1.0, better])
    assert scheduler.plateau_scale == 1.0
    rates(scheduler, [1.0])
    assert scheduler.plateau_scale == 0.5


@pytest.mark.parametrize(
    "conf, fault", [({"factor": 1.0}, "factor"), ({"mode": "least"}, "mode"), ({"warmup_steps": 0}, "warmup_steps")]
)
def test_values_out_of_range(conf, fault):
    with pytest.raises(ValueError, match=fault):
        WarmupPlateau(optimizer(), **conf)


def two_rates() -> torch.optim.Optimizer:
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    return torch.optim.Adam([{"params": [first]}, {"params": [second], "lr": 0.01}], lr=0.1)


@pytest.mark.parametrize(
    "make", [lambda o: OneCycle(o, 0.4, total_steps=10), lambda o: WarmupPlateau(o, warmup_steps=3)]
)
def test_groups_keep_the_ratio_of_their_rates(make):
    scheduler = make(two_rates())
    highest = 0.0
    for _ in range(9):
        first, second = (group["lr"] for group in scheduler.optimizer.param_groups)
        assert second == pytest.approx(first / 10)
        highest = max(highest, first)
        scheduler.optimizer.step()
        scheduler.step()
    assert highest == pytest.approx(0.4 if isinstance(scheduler, OneCycle) else 0.1, rel=0.05)


def test_one_group_has_pytorchs_cycle_and_a_list_is_taken_as_it_is():
    ours, theirs = optimizer(), optimizer()
    pair = OneCycle(ours, 0.4, total_steps=6), torch.optim.lr_scheduler.OneCycleLR(theirs, 0.4, total_steps=6)
    for _ in range(5):
        assert ours.param_groups[0]["lr"] == theirs.param_groups[0]["lr"]
        for scheduler in pair:
            scheduler.optimizer.step()
            scheduler.step()
    several = two_rates()
    OneCycle(several, [0.4, 0.2], total_steps=6)
    assert [group["max_lr"] for group in several.param_groups] == [0.4, 0.2]
