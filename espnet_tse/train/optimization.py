"""Faults of ``optim_conf`` and ``scheduler_conf``, before there is a model."""

import argparse
import inspect
import warnings
from pathlib import Path
from typing import Callable

import torch

from espnet_tse.io.nearest_name import check_known
from espnet_tse.train.checkpoint import has_checkpoint
from espnet_tse.train.espnet_task import optim_classes, scheduler_classes
from espnet_tse.train.schedule_length import fault_of_length, length_of


def faults_of_optimization(args: argparse.Namespace) -> list[str]:
    """What is wrong with the settings of ``--optim`` and ``--scheduler``, each with its fix.

    Args:
        args: names that ESPnet's tables have, or None.
    """
    faults: list[str] = []
    # Stand in for the weights: as many groups as training has, for some schedules want a rate of each.
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]}]
    if args.front_end_lr is not None:
        groups.append({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": args.front_end_lr})
    optimizer = _tried("optim", args.optim, args.optim_conf, optim_classes, groups, faults)
    if args.scheduler is not None:
        if optimizer is None:  # another one, so that the faults of the schedule come in the same message
            optimizer = torch.optim.SGD(groups, lr=1e-3, momentum=0.9)
        scheduler = _tried(
            "scheduler", args.scheduler, args.scheduler_conf, scheduler_classes, optimizer, faults
        )
        fault = _fault_of_length(args, scheduler)
        faults += [f"scheduler_conf of '{args.scheduler}': {fault}"] if fault else []
    return faults


def _fault_of_length(args: argparse.Namespace, scheduler: object) -> str | None:
    """Of a schedule that is too short, as far as that is known before the data are open; the loop checks it again."""
    epochs, length = range(1, (args.max_epoch or 0) + 1), length_of(scheduler)
    if length is None or args.resume and args.output_dir and has_checkpoint(Path(args.output_dir)):
        return None  # a training that goes on has the schedule of its checkpoint
    if length.unit == "epochs":
        return fault_of_length(scheduler, epochs, lambda epoch: 0)
    batches, together = args.num_iters_per_epoch, args.accum_grad
    if batches is None or together < 1:
        return None
    return fault_of_length(scheduler, epochs, lambda epoch: -(-batches // together))


def _tried(
    option: str, name: str, conf: object, classes: dict[str, Callable], first: object, faults: list[str]
) -> object | None:
    """``classes[name](first, **conf)``; None, and a line in ``faults``, where it cannot be made."""
    if name not in classes:
        faults.append(f"{option}: unknown '{name}'; known: {', '.join(sorted(classes))}")
        return None
    where = f"{option}_conf of '{name}'"
    if not isinstance(conf, dict):
        faults.append(f"{where}: want 'key: value' pairs, got {conf!r}")
        return None
    parameters = _parameters(classes[name])
    try:
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            check_known(conf, [parameter.name for parameter in parameters], where=where)
        wanted = [parameter.name for parameter in parameters if _is_required(parameter)]
        lacking = [parameter for parameter in wanted if parameter not in conf]
        if lacking:
            raise ValueError(f"{where}: lacks {', '.join(lacking)}")
    except ValueError as error:
        faults.append(str(error))
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # training gives them
            return classes[name](first, **conf)
    except Exception as error:  # of PyTorch, ESPnet or others: each has kinds of its own
        numbers = [key for key, value in conf.items() if isinstance(value, str) and _is_number(value)]
        hint = f" ({', '.join(numbers)}: YAML reads 1e-3 as text; write 1.0e-3)" if numbers else ""
        faults.append(f"{where}: {error}{hint}")
        return None


def _parameters(cls: type) -> list[inspect.Parameter]:
    """Of ``cls(first, ...)`` without the first; a class that hands some on to its base has those of both."""
    found: dict[str, inspect.Parameter] = {}
    for owner in cls.__mro__:
        if "__init__" not in vars(owner):
            continue
        own = list(inspect.signature(owner.__init__).parameters.values())[2:]  # without self and the first
        rest = [parameter for parameter in own if parameter.kind is parameter.VAR_KEYWORD]
        for parameter in own:
            if parameter not in rest:
                found.setdefault(parameter.name, parameter)
        if not rest:
            return list(found.values())
    return [*found.values(), *rest]


def _is_required(parameter: inspect.Parameter) -> bool:
    named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return named and parameter.default is parameter.empty


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
