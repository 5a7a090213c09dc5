"""Learning rate schedules that end: one shorter than its training is found before the first update."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Callable

from espnet2.schedulers.exponential_decay_warmup import ExponentialDecayWarmup
from espnet2.schedulers.tristage_lr import TristageLR
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR


@dataclass(frozen=True)
class Length:
    """How long a schedule lasts."""

    setting: str  # of ``scheduler_conf``, which says it
    value: int  # of that setting
    unit: str  # updates, epochs
    further: int = 0  # units that it lasts beyond its value

    @property
    def lasts(self) -> int:
        return self.value + self.further


def length_of(scheduler: object) -> Length | None:
    """Of a schedule that goes wrong after its end; None of others, which go on, hold their rate or start again.

    PyTorch's one cycle raises there, the cosine rises again, the exponential decay passes its ``min_lr``, and the
    three stages stay at their last rate, a hundredth, at which hardly anything is learnt.
    """
    if isinstance(scheduler, TristageLR):
        return Length("max_steps", scheduler.max_steps, "updates")
    if isinstance(scheduler, OneCycleLR):
        return Length("total_steps (or epochs x steps_per_epoch)", scheduler.total_steps, "updates")
    if isinstance(scheduler, ExponentialDecayWarmup):
        return Length("total_steps", scheduler.total_steps, "updates")
    if isinstance(scheduler, CosineAnnealingLR):
        # It is stepped behind an epoch: one more has the rate that it ends at.
        return Length("T_max", scheduler.T_max, "epochs", further=1)
    return None


def fault_of_length(
    scheduler: object, epochs: range, updates_in: Callable[[int], int], resumed: bool = False
) -> str | None:
    """What is wrong with a schedule that ends before its training does, with the fix; None where it does not.

    Args:
        scheduler: as it stands before the first of ``epochs``, or within it.
        epochs: those to go, from 1.
        updates_in: epoch -> updates to go in it.
        resumed: the schedule is that of a checkpoint, which settings do not change.
    """
    length = length_of(scheduler)
    if length is None or not epochs:
        return None
    ahead = [1 if length.unit == "epochs" else updates_in(epoch) for epoch in epochs]
    _, *ends = accumulate(ahead, initial=scheduler.last_epoch)  # PyTorch's name for the steps that are done
    if ends[-1] <= length.lasts:
        return None
    fitting = epochs[0] - 1 + sum(end <= length.lasts for end in ends)
    longer = f"{length.setting.split()[0]}: {ends[-1] - length.further}"
    fault = (
        f"{length.setting} is {length.value}, which lasts {length.lasts} {length.unit}, but the training to "
        f"--max_epoch {epochs[-1]} has {ends[-1]}"
    )
    if resumed:
        return (
            f"{fault}. The checkpoint keeps its schedule: end with --max_epoch {fitting}, or train with {longer} in "
            "another --output_dir."
        )
    return f"{fault}; set {longer}" + (f", or --max_epoch {fitting}" if fitting else "")
