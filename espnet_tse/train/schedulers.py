"""Learning rate schedules that ESPnet does not have."""

from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler, AbsValEpochStepScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR


class WarmupPlateau(AbsBatchStepScheduler, AbsValEpochStepScheduler):
    """Linear warm-up, inverse square root, then halving on a plateau: LauraTSE's schedule, made to act.

    lr = base * min(t / W, sqrt(W / t)) at update t until the end of epoch ``decay_epoch`` (at least for the
    W updates of the warm-up). From then on
    that factor stands still, and the rate is multiplied by ``factor`` when the criterion has not improved
    for ``patience`` epochs. In the released code (arXiv:2601.06006) a second scheduler halves the rate
    while the first is active, which sets it again at the next update: the halving never acts. Here one
    object owns the rate.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int = 10000,
        decay_epoch: int = 50,
        factor: float = 0.5,
        patience: int = 3,
        min_lr: float = 1.0e-6,
        mode: str = "min",
    ):
        """
        Raises:
            ValueError: a value is out of range.
        """
        if warmup_steps < 1 or decay_epoch < 0 or patience < 1:
            raise ValueError(
                "warmup_plateau: want warmup_steps >= 1, decay_epoch >= 0 and patience >= 1, "
                f"got {warmup_steps}, {decay_epoch} and {patience}."
            )
        if not 0.0 < factor < 1.0:
            raise ValueError(f"warmup_plateau: factor is {factor}, want a number in (0, 1).")
        if mode not in ("min", "max"):
            raise ValueError(f"warmup_plateau: mode is '{mode}', want min or max.")
        self.optimizer, self.base_lrs = optimizer, [group["lr"] for group in optimizer.param_groups]
        self.warmup_steps, self.decay_epoch = warmup_steps, decay_epoch
        self.factor, self.patience, self.min_lr = factor, patience, min_lr
        self.sign = 1.0 if mode == "min" else -1.0
        self.num_updates, self.num_epochs, self.bad_epochs = 0, 0, 0
        self.best, self.plateau_scale = float("inf"), 1.0
        self._set_rates()

    def _set_rates(self) -> None:
        update = self.num_updates + 1  # the one that comes next
        scale = min(update / self.warmup_steps, (self.warmup_steps / update) ** 0.5) * self.plateau_scale
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            # A warm-up may begin below the floor, which bounds the halving only.
            group["lr"] = base * scale if self.plateau_scale == 1.0 else max(base * scale, self.min_lr)

    def step(self, val: float | None = None, epoch: int | None = None) -> None:
        """After an update without ``val``; after a validation with the criterion's value."""
        if val is not None:
            self._end_epoch(self.sign * float(val))
        elif self.num_epochs < self.decay_epoch or self.num_updates < self.warmup_steps:
            self.num_updates += 1
        self._set_rates()

    def _end_epoch(self, value: float) -> None:
        self.num_epochs += 1
        if value < self.best:
            self.best, self.bad_epochs = value, 0
        elif self.num_epochs > self.decay_epoch:  # before, the rate falls by itself
            self.bad_epochs += 1
        if self.bad_epochs >= self.patience:
            self.plateau_scale, self.bad_epochs = self.plateau_scale * self.factor, 0

    def state_dict(self) -> dict:
        names = ("base_lrs", "num_updates", "num_epochs", "bad_epochs", "best", "plateau_scale")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict) -> None:
        self.__dict__.update(state)
        self._set_rates()

    def __repr__(self) -> str:
        return f"WarmupPlateau(warmup_steps={self.warmup_steps}, decay_epoch={self.decay_epoch})"


class OneCycle(OneCycleLR):
    """PyTorch's, but groups of parameters keep the ratio of their rates; there one ``max_lr`` is for all."""

    def __init__(self, optimizer: Optimizer, max_lr: float | list[float], **conf):
        """``max_lr``: of the first group, or of every group."""
        if not isinstance(max_lr, list):
            rates = [float(group["lr"]) for group in optimizer.param_groups]
            max_lr = [max_lr * (rate / rates[0]) for rate in rates]
        super().__init__(optimizer, max_lr, **conf)
        # PyTorch keeps what follows from them; a training that goes on compares the settings themselves.
        self.pct_start, self.three_phase = conf.get("pct_start", 0.3), conf.get("three_phase", False)
