"""Options of the training loop: those of ESPnet's trainer that act here, and this package's own."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from espnet2.utils.types import float_or_none, int_or_none, str2bool, str_or_none

from espnet_tse.train.parallel import WAYS

# ESPnet's options that have no effect here, and what serves instead; refused rather than ignored.
UNSUPPORTED = {
    "sharded_ddp": (False, "--parallel fsdp leaves each process its share"),
    "use_deepspeed": (False, "--parallel fsdp leaves each process its share"),
    "use_adapter": (False, "there are no adapters"),
    "grad_noise": (False, "there is no gradient noise"),
    "no_forward_run": (False, "benchmarks/ times the loading of data"),
    "create_graph_in_tensorboard": (False, "there is no graph"),
    "train_dtype": ("float32", "weights are float32; --use_amp true computes in bfloat16"),
    "ddp_comm_hook": (None, "gradients are exchanged as they are, once an update"),
    "num_att_plot": (0, "there are no attention plots"),
    "wandb_model_log_interval": (-1, "models stay in the folder"),
    "multiple_iterator": (False, "a data directory is one set"),
    "collect_stats": (False, "there are no statistics to collect before a training"),
    "pretrain_path": (None, "--init_param names weights to start from"),
}


# Smallest value of whole numbers.
AT_LEAST = {
    "accum_grad": 1,
    "batch_size": 1,
    "checkpoint_interval": 1,
    "log_interval": 1,
    "max_skipped_updates": 1,
    "nbest_averaging_interval": 0,
    "num_iters_per_epoch": 1,
    "num_workers": 0,
    "patience": 0,
    "seed": 0,
}


@dataclass
class LoopOptions:
    """What the loop wants to know of any training."""

    output_dir: str
    ngpu: int  # 0: processors, otherwise this process has a GPU
    seed: int
    resume: bool
    use_amp: bool
    accum_grad: int  # batches an update
    grad_clip: float
    grad_clip_type: float
    ema_decay: float | None
    max_skipped_updates: int
    max_piece_s: float | None
    parallel: str  # how several processes share the work, one of ``WAYS``

    @property
    def folder(self) -> Path:
        return Path(self.output_dir)


@dataclass
class TrainingOptions(LoopOptions):
    """Of a system: names and meaning are ESPnet's, but for ours in ``add_arguments``."""

    max_epoch: int
    patience: int | None
    log_interval: int | None
    use_matplotlib: bool
    use_tensorboard: bool
    use_wandb: bool
    keep_nbest_models: int | list[int]
    nbest_averaging_interval: int
    early_stopping_criterion: list[str]
    best_model_criterion: list[list[str]]
    val_scheduler_criterion: list[str]
    checkpoint_interval: int | None
    activation_checkpointing: bool
    compile_backend: str | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "TrainingOptions":
        return cls(**{field.name: getattr(args, field.name) for field in fields(cls)})

    @property
    def nbest(self) -> list[int]:
        """How many epochs are averaged; the largest is how many are kept."""
        counts = self.keep_nbest_models
        return [counts] if isinstance(counts, int) else list(counts) or [1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that ESPnet's trainer does not have."""
    group = parser.add_argument_group("Training loop")
    group.add_argument(
        "--ema_decay",
        type=float_or_none,
        default=None,
        help="of the moving average that is validated and decoded with",
    )
    group.add_argument(
        "--max_skipped_updates",
        type=int,
        default=10,
        help="updates in a row without finite gradient that end it",
    )
    group.add_argument(
        "--max_piece_s",
        type=float_or_none,
        default=None,
        help="memory budget of a process: seconds of mixture and enrollment that it computes at once",
    )
    group.add_argument(
        "--checkpoint_interval",
        type=int_or_none,
        default=None,
        help="updates between checkpoints inside an epoch",
    )
    group.add_argument(
        "--activation_checkpointing",
        type=str2bool,
        default=False,
        help="transformers: less memory, a third slower",
    )
    group.add_argument(
        "--parallel",
        type=str,
        default="ddp",
        choices=WAYS,
        help=(
            "several processes: each holds the whole model, or its share of weights, gradients and optimizer"
        ),
    )
    group.add_argument(
        "--compile_backend",
        type=str_or_none,
        default=None,
        help="torch.compile of transformer blocks: inductor",
    )


def faults_of(args: argparse.Namespace) -> list[str]:
    """What is wrong with the options of the loop, each with its fix."""
    faults = [
        f"--{name} {getattr(args, name)} is not supported: {reason}"
        for name, (neutral, reason) in UNSUPPORTED.items()
        if getattr(args, name) not in (neutral, "none")
    ]
    if args.ngpu > 1 and not args.multiprocessing_distributed:
        faults.append(
            f"--ngpu {args.ngpu}: one process drives one GPU; use torchrun with --ngpu 1 (doc/training.md)"
        )
    for name in ("init_param", "freeze_param"):
        if isinstance(value := getattr(args, name), str):
            faults.append(f"--{name} is one text, want a list, as {name}: [{value}]")
    if args.max_epoch == 0 and not args.init_param:
        faults.append(
            "--max_epoch 0 keeps the weights of --init_param as they are; name some, or at least 1 epoch"
        )
    elif args.max_epoch < 0:
        faults.append(
            f"--max_epoch is {args.max_epoch}, want at least 1, or 0 to keep the weights of --init_param"
        )
    for name, least in AT_LEAST.items():
        value = getattr(args, name)
        if value is not None and value < least:
            faults.append(f"--{name} is {value}, want at least {least}")
    if not args.grad_clip > 0.0:
        faults.append(f"--grad_clip is {args.grad_clip}, want a norm above 0, or .inf to clip nothing")
    if not args.grad_clip_type > 0.0:
        faults.append(f"--grad_clip_type is {args.grad_clip_type}, want a norm above 0, as 2.0")
    counts = args.keep_nbest_models
    if not all(isinstance(count, int) and count > 0 for count in ([counts] if is_one(counts) else counts)):
        faults.append(f"--keep_nbest_models is {counts}, want whole numbers of at least 1")
    if args.max_piece_s is not None and not args.max_piece_s > 0.0:
        faults.append(f"--max_piece_s is {args.max_piece_s}, want seconds above 0, as 80, or none")
    if args.ema_decay is not None and not 0.0 < args.ema_decay < 1.0:
        faults.append(f"--ema_decay is {args.ema_decay}, want a number in (0, 1), as 0.999, or none")
    return faults + faults_of_criteria(args)


def is_one(value: object) -> bool:
    """Whether a value is none of several."""
    return not isinstance(value, (list, tuple))


def faults_of_criteria(args: argparse.Namespace) -> list[str]:
    """Which criteria do not have their form; whether what they name is measured, training knows."""
    best = args.best_model_criterion
    if is_one(best) or not best or any(map(is_one, best)):
        faults, best = [
            f"--best_model_criterion is {best}, want lists in a list, as [[valid, loss, min]]"
        ], []
    else:
        faults = []
    for criterion in [*best, args.early_stopping_criterion]:
        if not is_criterion(criterion, 3):
            shown = criterion if is_one(criterion) else f"[{', '.join(map(str, criterion))}]"
            faults.append(f"criterion {shown}: want [train or valid, name, min or max]")
    if not is_criterion(args.val_scheduler_criterion, 2):
        faults.append(
            f"--val_scheduler_criterion is {args.val_scheduler_criterion}, want two values, as [valid, loss]"
        )
    return faults


def is_criterion(value: object, length: int) -> bool:
    """Whether a value is phase and name, and with ``length`` 3 min or max."""
    allowed = (("train", "valid"), None, ("min", "max"))[:length]
    if is_one(value) or len(value) != length:
        return False
    return all(
        isinstance(part, str) and (known is None or part in known) for part, known in zip(value, allowed)
    )
