"""Which schedules end, and whether they last as long as a training."""

import pytest
import torch
from torch.optim import lr_scheduler

from espnet_tse.train.schedule_length import fault_of_length
from espnet_tse.train.schedulers import OneCycle


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)


def one_cycle(steps: int = 0, **conf):
    scheduler = OneCycle(optimizer(), max_lr=0.1, **conf)
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


UPDATES = {1: 3, 2: 4, 3: 3}


@pytest.mark.parametrize("conf", [{"total_steps": 9}, {"epochs": 3, "steps_per_epoch": 3}])
def test_updates_are_counted_epoch_by_epoch(conf):
    fault = fault_of_length(one_cycle(**conf), range(1, 4), UPDATES.get)
    assert fault == (
        "total_steps (or epochs x steps_per_epoch) is 9, which lasts 9 updates, but the training to --max_epoch 3 has 10; "
        "set total_steps: 10, or --max_epoch 2"
    )


def test_what_is_said_to_be_enough_is_and_one_less_is_not():
    assert fault_of_length(one_cycle(total_steps=10), range(1, 4), UPDATES.get) is None
    one_cycle(steps=10, total_steps=10)
    with pytest.raises(ValueError):  # PyTorch's, in the middle of a training
        one_cycle(steps=11, total_steps=10)


def test_a_training_that_goes_on_counts_what_is_done():
    """Five updates done: two of the second epoch, which has two to go."""
    togo = {2: 2, 3: 3}
    assert fault_of_length(one_cycle(5, total_steps=10), range(2, 4), togo.get, resumed=True) is None
    fault = fault_of_length(one_cycle(5, total_steps=9), range(2, 4), togo.get, resumed=True)
    assert fault.endswith(
        "has 10. The checkpoint keeps its schedule: end with --max_epoch 2, or train with total_steps: 10 in another "
        "--output_dir."
    )
    assert fault_of_length(one_cycle(5, total_steps=9), range(2, 2), togo.get) is None


def test_a_cosine_is_counted_in_epochs():
    for length, wanted in (
        (3, None),
        (2, "T_max is 2, which lasts 3 epochs, but the training to --max_epoch 4 has 4"),
    ):
        scheduler = lr_scheduler.CosineAnnealingLR(optimizer(), T_max=length)
        fault = fault_of_length(scheduler, range(1, 5), UPDATES.get)
        assert fault is None if wanted is None else fault == f"{wanted}; set T_max: 3, or --max_epoch 3"


def test_an_exponential_decay_ends_at_its_lowest_rate():
    from espnet2.schedulers.exponential_decay_warmup import ExponentialDecayWarmup

    scheduler = ExponentialDecayWarmup(optimizer(), max_lr=0.1, min_lr=0.01, total_steps=9)
    assert "total_steps is 9" in fault_of_length(scheduler, range(1, 4), UPDATES.get)


def test_three_stages_are_as_long_as_they_say():
    from espnet2.schedulers.tristage_lr import TristageLR

    for max_steps, wanted in ((10, None), (25000, None), (9, "max_steps is 9, which lasts 9 updates")):
        scheduler = TristageLR(optimizer(), max_steps=max_steps)
        fault = fault_of_length(scheduler, range(1, 4), UPDATES.get)
        assert fault is None if wanted is None else fault.startswith(wanted) and "set max_steps: 10" in fault
    rates = []
    for _ in range(12):
        rates.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    assert rates[8:] == pytest.approx([rates[-1]] * 4) and rates[7] > rates[8]  # nine updates, then no change


def test_schedules_without_an_end_are_never_too_short():
    for scheduler in (
        None,
        lr_scheduler.StepLR(optimizer(), 2),
        lr_scheduler.CosineAnnealingWarmRestarts(optimizer(), 2),
    ):
        assert fault_of_length(scheduler, range(1, 1000), lambda epoch: 1000) is None
