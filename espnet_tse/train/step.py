"""What an update of a training consists of; systems and codecs differ in it, the loop is the same."""

from dataclasses import dataclass, field
from typing import Callable, Protocol

import torch
from torch import nn


class Learner(Protocol):
    """A module that learns from passes without a gradient, as tables that are moving averages.

    In its forward pass it only collects: what an update is does not depend on the number of pieces or
    processes, and one that is skipped leaves nothing behind.
    """

    def learn(self) -> None:
        """Take over what was collected in every process; each calls this."""

    def forget(self) -> None:
        """Drop what was collected."""


@dataclass
class Phase:
    """One optimizer and what it minimises."""

    # Named tensors of a piece -> (loss, stats, weight in seconds): means over the piece. Then, if there is a
    # next phase, the named tensors that it is given.
    module: nn.Module
    optimizer: torch.optim.Optimizer
    learners: list[Learner] = field(default_factory=list)
    start: int = 0  # the updates before this one are without the phase
    name: str = ""  # in messages, where a step has several


class Step:
    """The phases of an update, one after the other, and what is trained by them."""

    unit = "update"  # as the log calls it
    # What may help against gradients that are not finite.
    advice = "lower optim_conf lr or --grad_clip; --max_skipped_updates sets the limit"

    def __init__(self, parts: dict[str, nn.Module], phases: list[Phase], sample_rate: int):
        """
        Args:
            parts: what a checkpoint holds; ``model`` is the one that is kept, averaged and decoded with.
            sample_rate: Hz, of the signals.
        """
        self.parts, self.phases, self.sample_rate = parts, phases, sample_rate
        self.num_updates = 0  # skipped ones too

    @property
    def model(self) -> nn.Module:
        return self.parts["model"]

    @property
    def number(self) -> str:
        """Of the update that is being done, behind ``unit``."""
        return ""

    def prepare(self) -> None:
        """Before the first update of a training that begins."""

    def check_schedule(self, epochs: range, updates_in: Callable[[int], int], resumed: bool) -> None:
        """Raise DataError where the schedule of the learning rate ends before the training; see ``fault_of_length``."""

    def begin(self) -> None:
        """Before each update."""

    def after_update(self) -> None:
        """After an update in which the first phase was not skipped."""

    def after_epoch(self, value_of) -> None:
        """After the validation of an epoch; ``value_of(phase, name)`` is a mean of it."""

    def train(self, mode: bool = True) -> None:
        """Set all modules to training or, ``mode`` False, to evaluation."""
        for phase in self.phases:
            phase.module.train(mode)

    def settings(self) -> dict:
        """Those of optimizer and schedule that a checkpoint restores, by name."""
        return {}

    def state_dict(self) -> dict:
        """What a checkpoint holds besides parts and optimizers."""
        return {"num_updates": self.num_updates}

    def load_state_dict(self, states: dict) -> None:
        """``states``: of a checkpoint."""
        self.num_updates = states.get("num_updates", 0)  # older ones lack it
