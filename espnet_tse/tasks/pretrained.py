"""Trained systems that a training begins with, and the learning rate of the part that takes their weights."""

import argparse
import logging
from pathlib import Path
from typing import Any, Mapping

import torch

from espnet_tse.codec.manifest import check_same_codec
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema.manifest import MANIFEST, read_manifest
from espnet_tse.tasks.checkpoint import DEFAULT_CHECKPOINT, keep_systems, read_config
from espnet_tse.tasks.choices import TABLES, model_choices, slots_of
from espnet_tse.tasks.frozen_parts import check_frozen_parts
from espnet_tse.tasks.locations import located
from espnet_tse.tasks.older_systems import name_norm
from espnet_tse.tasks.tokenizers import kept_manifest, manifest_at
from espnet_tse.tasks.weights import read_weights
from espnet_tse.train.checkpoint import has_checkpoint
from espnet_tse.train.espnet_task import optim_classes

MEMORY = {"checkpoint_blocks", "recompute_gates"}  # settings of an extractor that change no number


def start_from_systems(args: argparse.Namespace, model: AbsTSEModel) -> None:
    """Give the parts of ``model`` the weights of the systems that ``pretrained`` names.

    Where the training goes on from a checkpoint, which has them, only the frozen copies are made.

    Raises:
        DataError: a folder is missing, or of another part; one that the model cannot do without is not named; or a
            training goes on with another frozen copy or system than it began with.
    """
    goes_on = args.resume and has_checkpoint(Path(args.output_dir))
    for name, place in model.pretrained.items():
        location = (args.pretrained or {}).get(name)
        if location and place.whole:
            keep_systems(model, {name: location})
            check_settings(model, args.config)
        elif location:
            wanted = {*place.frozen(model.config), *(() if goes_on else place.slots)}
            # All of them first: the width of one part may follow from another.
            weights = {slot: weights_of_part(vars(args), name, slot, location) for slot in wanted}
            for slot in () if goes_on else place.slots:
                getattr(model, slot).load_state_dict(weights[slot])
                logging.info(f"The {slot} starts from {location}")
            for slot in place.frozen(model.config):
                model.keep_frozen(slot, weights[slot])
        elif (
            place.whole
            or place.frozen(model.config)
            or (place.required(model.config) and not (goes_on or args.init_param))
        ):
            raise DataError(
                f"this model wants a trained {name}; name its folder by --pretrained {name}=FOLDER "
                "(exp/tse_..., stage 7 makes it)."
            )
    if goes_on:
        fix = "name it by --pretrained, or train in another --output_dir"
        check_frozen_parts(model, Path(args.output_dir), fix)


def check_settings(model: AbsTSEModel, config: str | None) -> None:
    """Raise DataError, with the YAML, where the settings of training do not go with the systems that are run."""
    try:
        model.check_systems(None)
    except DataError as error:
        raise DataError(f"{config}: model_conf: {error}" if config else f"model_conf: {error}") from error


def weights_of_part(
    config: Mapping[str, Any], name: str, slot: str, location: str
) -> dict[str, torch.Tensor]:
    """The weights of the part ``slot`` of the system at ``location``.

    Args:
        config: of the system that takes them.
        name: under ``pretrained``, for messages.
    Raises:
        DataError: nothing there, or a part that is chosen or configured otherwise.
    """
    where = f"--pretrained {name}={location}"
    try:
        with located(location) as folder:
            there = read_config(folder)
            check_same_tokenizers(config, folder)
            name_norm(there, folder / DEFAULT_CHECKPOINT)
            check_same_part(config, there, slot, where)
            weights = read_weights(folder / DEFAULT_CHECKPOINT, "cpu")
    except DataError as error:
        raise DataError(f"{where}: {error}" if not str(error).startswith(where) else str(error)) from error
    prefix = f"{slot}."
    return {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}


def check_same_tokenizers(config: Mapping[str, Any], system: Path) -> None:
    """Raise DataError where ``system`` was trained with another tokenizer of a name than ``config`` has."""
    for name, location in (config.get("tokenizers") or {}).items():
        kept = kept_manifest(system, name)
        if (kept / MANIFEST).is_file():
            check_same_codec(read_manifest(kept), manifest_at(location))


def check_same_part(here: Mapping[str, Any], there: Mapping[str, Any], slot: str, where: str) -> None:
    """Raise DataError unless both configurations choose the same part, with all that it is composed of."""
    part = model_choices.classes[here["model"]].slots[slot]
    other = model_choices.classes[there["model"]].slots.get(slot)
    if other is None or not there.get(other.name):
        raise DataError(f"{where}: a system of model '{there['model']}' has no {slot}.")
    for option, table in slots_of(part.name, here, part.table):
        mine, theirs = settings_of(option, table, here), settings_of(option, table, there)
        odd = sorted(key for key in {*mine, *theirs} - MEMORY if mine.get(key) != theirs.get(key))
        if odd:
            shown = ", ".join(f"{key} {theirs.get(key, '-')}, here {mine.get(key, '-')}" for key in odd)
            raise DataError(
                f"{where}: its {option} is another one: {shown}; give {option} and {option}_conf of its "
                "config.yaml, or another folder."
            )


def settings_of(option: str, table: str, config: Mapping[str, Any]) -> dict:
    """Name and every setting of a part of a configuration, defaults included."""
    name = config.get(option)
    if name not in TABLES[table].classes:
        return {option: name}
    return {option: name, **TABLES[table].resolved(name, config.get(f"{option}_conf") or {}, option)}


def build_optimizer(args: argparse.Namespace, model: AbsTSEModel) -> torch.optim.Optimizer:
    """The optimizer of ``--optim`` in which the front-end is a group of its own, at ``--front_end_lr``.

    Schedules scale the rates of both groups alike; the norm of each gradient is clipped by itself.
    """
    front = [
        weight for slot in model.pretrained["front_end"].slots for weight in getattr(model, slot).parameters()
    ]
    ours = {id(parameter) for parameter in front}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in ours]
    groups = [{"params": rest}, {"params": front, "lr": args.front_end_lr, "clipped_alone": True}]
    return optim_classes[args.optim](groups, **args.optim_conf)


def faults_of_pretrained(args: argparse.Namespace) -> list[str]:
    """What is wrong with the options about trained systems, each with its fix."""
    model = model_choices.classes.get(args.model)
    if model is None:  # reported with the other names
        return []
    faults = []
    try:
        check_known(args.pretrained or {}, model.pretrained, where="pretrained")
    except ValueError as error:
        faults.append(f"{error} (model: {args.model})")
    faults += [
        f"model: {args.model} runs a trained system; name its YAML or folder by pretrained: {{{name}: ...}}"
        for name, place in model.pretrained.items()
        if place.whole and not (args.pretrained or {}).get(name)
    ]
    if args.front_end_lr is None:
        return faults
    if "front_end" not in model.pretrained:
        return [
            *faults,
            f"--front_end_lr is for systems with a front-end (model: usef_laura_tse), this is {args.model}; "
            "leave it out",
        ]
    if args.front_end_lr <= 0:
        faults.append(
            f"--front_end_lr is {args.front_end_lr}, want a positive rate; for none front_end: frozen"
        )
    if (args.model_conf or {}).get("front_end") == "frozen":
        faults.append("--front_end_lr: model_conf says front_end: frozen; leave out one of them")
    if args.exclude_weight_decay:
        faults.append(
            "--front_end_lr and --exclude_weight_decay both make groups of parameters; leave out one"
        )
    if args.scheduler == "cycliclr":
        faults.append(
            "--front_end_lr: --scheduler cycliclr sets one rate for all; take onecyclelr or warmup_plateau"
        )
    return faults
