"""The step of a target speaker extraction system: one optimizer, one of ESPnet's schedules."""

import torch
from espnet2.schedulers.abs_scheduler import (
    AbsBatchStepScheduler,
    AbsEpochStepScheduler,
    AbsValEpochStepScheduler,
)
from torch import nn

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
        return {**super().state_dict(), "schedulers": [scheduler]}

    def load_state_dict(self, states: dict) -> None:
        super().load_state_dict(states)
        if self.scheduler is not None and states["schedulers"][0] is not None:
            self.scheduler.load_state_dict(states["schedulers"][0])
