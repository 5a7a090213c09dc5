"""Settings of optimizer and schedule of a checkpoint: they win over those of the YAML, and are reported."""

import logging
from pathlib import Path
from typing import Any

import torch

# Of schedules: what changes from step to step, or follows from settings that are reported by themselves.
RUNNING = {"last_epoch", "step_num", "epoch_num", "T_cur", "T_i", "cycle", "step_in_cycle", "cur_cycle_steps"}
RUNNING |= {"best", "num_bad_epochs", "cooldown_counter", "num_updates", "num_epochs", "bad_epochs"}
RUNNING |= {"plateau_scale", "lr_scale", "warmup_epoch", "decay_factor", "log_decay", "mode_worse"}
RATE = "learning rate"  # that schedules scale
OF_GROUPS = {"lr": RATE, "initial_lr": RATE}
# Other names like the latter are PyTorch's own.
OF_SCHEDULES = {"base_lrs": RATE, "_anneal_func_type": "anneal_strategy"}


def settings_of(optimizer: torch.optim.Optimizer, scheduler: object | None) -> dict[str, Any]:
    """Settings by name, as a checkpoint holds and restores them; what the training itself changes is left out."""
    of_schedule = scheduler.state_dict() if scheduler is not None else {}
    running = {"params", "clipped_alone"}
    if scheduler is not None:
        running.add("lr")
    if scheduler is None or "base_lrs" in of_schedule:
        running.add("initial_lr")
    if of_schedule.get("cycle_momentum"):
        running |= {"betas", "momentum"}
    if "base_max_lr" in of_schedule:  # of cosine restarts; there this is the peak of the cycle of now
        of_schedule.pop("max_lr")
    settings: dict[str, Any] = {RATE: None}  # comes first in messages
    for name in optimizer.param_groups[0]:
        if name not in running:
            settings[OF_GROUPS.get(name, name)] = [group.get(name) for group in optimizer.param_groups]
    for name, value in of_schedule.items():
        if name in OF_SCHEDULES or not (name in RUNNING or name.startswith("_")):
            settings[OF_SCHEDULES.get(name, name)] = value
    return {name: alike(value) for name, value in settings.items()}


def alike(value: Any) -> Any:
    """Of a list of equal values, one a group of weights, the value."""
    return value[0] if isinstance(value, list) and value and value == value[:1] * len(value) else value


def tell_kept(checkpoint: Path, given: dict[str, Any], kept: dict[str, Any]) -> None:
    """Warn, in one line, of settings that stay as the checkpoint has them.

    Args:
        given: ``settings_of`` before the checkpoint was loaded, kept: after that.
    Raises:
        ValueError: the checkpoint lacks settings of this optimizer, so it is another one's.
    """
    lacking = [name for name in given if name not in kept]
    if lacking:
        raise ValueError(f"it has no {', '.join(lacking)}")
    # Older checkpoints have no rate where a schedule by plateau moves it.
    changed = [
        f"{name} {value} -> {kept[name]}"
        for name, value in given.items()
        if kept[name] != value and kept[name] is not None
    ]
    if changed:
        logging.warning(
            f"{checkpoint} keeps its own settings, those given have no effect: {', '.join(changed)}. To train with those "
            "given, start in another --output_dir (--init_param takes the weights along)."
        )
