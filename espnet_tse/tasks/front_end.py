"""What a training with a discriminative front-end starts from, and its learning rate."""

import argparse
import logging
from pathlib import Path

import torch
from espnet2.tasks.abs_task import optim_classes

from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.checkpoint import DEFAULT_CHECKPOINT, name_norm, opened_folder, read_config, read_weights
from espnet_tse.tasks.choices import Choices, extractor_choices, model_choices, speaker_encoder_choices
from espnet_tse.train.checkpoint import CHECKPOINT, PREVIOUS

MEMORY = {"checkpoint_blocks", "recompute_gates"}  # settings of an extractor that change no number


def start_front_end(args: argparse.Namespace, model: AbsTSEModel) -> None:
    """Give the front-end of ``model`` the weights of the system in ``--front_end_dir``.

    Left out where the training goes on from a checkpoint, which has them.

    Raises:
        DataError: the folder is missing, or of another extractor or sample rate; a frozen front-end without one.
    """
    if not model.has_front_end:
        return
    folder = Path(args.output_dir)
    if args.resume and any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS)):
        return
    if args.front_end_dir:
        model.extractor.load_state_dict(front_end_weights(args))
        logging.info(f"The front-end starts from {args.front_end_dir}")
    elif model.frozen and not args.init_param:
        raise DataError(
            "model_conf: front_end: frozen wants a trained front-end; name its folder by --front_end_dir "
            "(exp/tse_..., stage 7 with --prerequisite_config makes it)."
        )


def front_end_weights(args: argparse.Namespace) -> dict[str, torch.Tensor]:
    """The extractor's part of the weights in ``--front_end_dir``, a folder or a packed archive."""
    path = args.front_end_dir
    if not Path(path).exists():
        raise DataError(
            f"--front_end_dir {path}: nothing there; train the front-end first (stage 7 with --prerequisite_config "
            "conf/<front-end>.yaml), or mend the path."
        )
    with opened_folder(path) as folder:
        config = read_config(folder)
        if not config.get("extractor"):
            raise DataError(f"--front_end_dir {path}: a system of model '{config['model']}' has no extractor.")
        name_norm(config, folder / DEFAULT_CHECKPOINT)
        check_same_extractor(args, config, path)
        weights = read_weights(folder / DEFAULT_CHECKPOINT, "cpu")
    prefix = "extractor."
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def check_same_extractor(args: argparse.Namespace, config: dict, path: str) -> None:
    """Raise DataError unless ``config`` names the extractor of ``args``, sample rate and settings included."""
    wanted, found = vars(args), config
    choices = [extractor_choices]
    if getattr(extractor_choices.classes[args.extractor], "wants_speaker_encoder", False):
        choices.append(speaker_encoder_choices)
    for choice in choices:
        here, there = settings_of(choice, wanted), settings_of(choice, found)
        odd = sorted(name for name in {*here, *there} - MEMORY if here.get(name) != there.get(name))
        if odd:
            shown = ", ".join(f"{name} {there.get(name, '-')}, here {here.get(name, '-')}" for name in odd)
            raise DataError(
                f"--front_end_dir {path}: its {choice.option} is another one: {shown}; give {choice.option} and "
                f"{choice.option}_conf of its config.yaml, or another folder."
            )


def settings_of(choice: Choices, config: dict) -> dict:
    """Name and every setting of a part of a configuration, defaults included."""
    name = config.get(choice.option)
    if name not in choice.classes:
        return {choice.option: name}
    return {choice.option: name, **choice.resolved(name, config.get(f"{choice.option}_conf") or {})}


def build_optimizer(args: argparse.Namespace, model: AbsTSEModel) -> torch.optim.Optimizer:
    """The optimizer of ``--optim`` in which the front-end is a group of its own, at ``--front_end_lr``.

    Schedules scale the rates of both groups alike; the norm of each gradient is clipped by itself.
    """
    front = list(model.extractor.parameters())
    ours = {id(parameter) for parameter in front}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in ours]
    groups = [{"params": rest}, {"params": front, "lr": args.front_end_lr, "clipped_alone": True}]
    return optim_classes[args.optim](groups, **args.optim_conf)


def faults_of_front_end(args: argparse.Namespace) -> list[str]:
    """What is wrong with the options of the front-end, each with its mend."""
    model = model_choices.classes.get(args.model)
    has_front_end = getattr(model, "has_front_end", False)
    faults = [
        f"--{option} is for systems with a front-end (model: usef_laura_tse), this is {args.model}; leave it out"
        for option in ("front_end_dir", "front_end_lr")
        if getattr(args, option) is not None and not has_front_end
    ]
    if faults or args.front_end_lr is None:
        return faults
    if args.front_end_lr <= 0:
        faults.append(f"--front_end_lr is {args.front_end_lr}, want a positive rate; for none front_end: frozen")
    if (args.model_conf or {}).get("front_end") == "frozen":
        faults.append("--front_end_lr: model_conf says front_end: frozen; leave out one of them")
    if args.exclude_weight_decay:
        faults.append("--front_end_lr and --exclude_weight_decay both make groups of parameters; leave out one")
    if args.scheduler == "cycliclr":
        faults.append("--front_end_lr: --scheduler cycliclr sets one rate for all; take onecyclelr or warmup_plateau")
    return faults
