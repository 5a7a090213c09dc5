"""The step of a target speaker extraction system: one optimizer, one of ESPnet's schedules."""

import torch
from espnet2.schedulers.abs_scheduler import (
    AbsBatchStepScheduler,
    AbsEpochStepScheduler,
    AbsValEpochStepScheduler,
)
from torch import nn

from espnet_tse.io.scp import DataError
from espnet_tse.train.kept_settings import settings_of
from espnet_tse.train.schedule_length import fault_of_length
from espnet_tse.train.step import Phase, Step


class SystemStep(Step):
    """``model`` is called with the named tensors of a piece and gives loss, stats and weight."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: object | None = None,
        val_scheduler_criterion: tuple[str, str] = ("valid", "loss"),
    ):
        super().__init__({"model": model}, [Phase(model, optimizer)], model.sample_rate)
        self.scheduler, self.criterion = scheduler, val_scheduler_criterion
        for group in optimizer.param_groups:  # where the schedule does not keep it, as one by plateau
            group.setdefault("initial_lr", group["lr"])

    def settings(self) -> dict:
        return settings_of(self.phases[0].optimizer, self.scheduler)

    def check_schedule(self, epochs, updates_in, resumed) -> None:
        fault = fault_of_length(self.scheduler, epochs, updates_in, resumed)
        if fault:
            raise DataError(f"scheduler_conf: {fault}")

    def after_update(self) -> None:
        if isinstance(self.scheduler, AbsBatchStepScheduler):
            self.scheduler.step()

    def after_epoch(self, value_of) -> None:
        if isinstance(self.scheduler, AbsValEpochStepScheduler):
            self.scheduler.step(value_of(*self.criterion))
        elif isinstance(self.scheduler, AbsEpochStepScheduler):
            self.scheduler.step()

    def state_dict(self) -> dict:
        scheduler = self.scheduler.state_dict() if self.scheduler is not None else None
        return {**super().state_dict(), "schedulers": [scheduler], "schedule": self._schedule}

    @property
    def _schedule(self) -> str | None:
        return type(self.scheduler).__name__ if self.scheduler is not None else None

    def load_state_dict(self, states: dict) -> None:
        super().load_state_dict(states)
        there = states.get("schedule")  # older ones lack it
        if None not in (there, self.scheduler) and there != self._schedule:
            raise ValueError(f"its schedule is {there}, here {self._schedule}")
        if self.scheduler is not None and states["schedulers"][0] is not None:
            self.scheduler.load_state_dict(states["schedulers"][0])
