"""Decoding YAMLs: settings of one model, checked through the table of models."""

from dataclasses import fields
from pathlib import Path
from typing import Any, Mapping

from espnet_tse.io.choices import checked
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import DecodeConf
from espnet_tse.tasks.choices import SELECTORS, model_choices


def decode_settings(
    model: type[AbsTSEModel], conf: Mapping[str, Any], where: str = "inference config"
) -> DecodeConf:
    """The ``Decode`` of a model from a YAML mapping.

    Args:
        where: begins each message.
    Raises:
        DataError: a key that the model does not have (with the nearest known one), a value of another type or
            out of range, an unknown selector.
    """
    try:
        settings = checked(model.Decode, dict(conf), where)
        check_known([settings.selector], SELECTORS, where=f"{where}: selector")
        check_known([settings.task], model.tasks, where=f"{where}: task")
    except ValueError as error:
        raise DataError(f"{error} (settings of {model.__name__})") from error
    return settings


def read_decode_settings(path: str | None, model: type[AbsTSEModel]) -> DecodeConf:
    """As ``decode_settings``, of a file and its bases; the defaults without one."""
    if path is None:
        return model.Decode()
    chain = read_chain(path)
    try:
        chain.check_keys(field.name for field in fields(model.Decode))
    except DataError as error:
        raise DataError(f"{error} (settings of {model.__name__})") from error
    try:
        return decode_settings(model, chain.content, "")
    except DataError as error:
        fault = str(error).removeprefix(": ")
        raise DataError(f"{chain.where(fault)}: {fault}") from error


def read_task_settings(path: str | None, model: type[AbsTSEModel], task: str | None) -> DecodeConf:
    """As ``read_decode_settings``; ``task``, of the command line, wins over that of the file."""
    settings = read_decode_settings(path, model)
    if task is None:
        return settings
    return decode_settings(model, {**vars(settings), "task": task}, f"--task {task}")


def corrector_of(conf: DecodeConf | Mapping[str, Any] | str | Path | None) -> str | None:
    """The place of the corrector that settings, or a decoding YAML, name."""
    if isinstance(conf, (str, Path)):
        conf = read_chain(conf).content
    place = (vars(conf) if isinstance(conf, DecodeConf) else conf or {}).get("corrector")
    return place if isinstance(place, str) and place else None  # other values are refused with their settings


def check_alone(path: str) -> None:
    """A decoding YAML whose system is not known: some model has to take it.

    Raises:
        DataError: as ``decode_settings``, of the model that knows most of its keys.
    """
    conf, faults = read_chain(path).content, []
    for model in model_choices.classes.values():
        try:
            read_decode_settings(path, model)
            return
        except DataError as error:
            known = len(conf.keys() & {field.name for field in fields(model.Decode)})
            faults.append((-known, len(faults), error))
    raise min(faults)[2]


def check_for_system(
    settings: DecodeConf, model: type[AbsTSEModel], configs: Mapping[str, Any], where: str
) -> list[str]:
    """Remarks on settings that go with a system.

    Args:
        configs: option -> ``Config`` of the system's parts.
        where: begins each fault.
    Raises:
        DataError: settings that do not go with it, each with its fix.
    """
    if faults := model.faults_of_decoding(settings, configs):
        raise DataError("\n".join(f"{where}: {fault}" for fault in faults))
    return model.remarks(settings, configs)
