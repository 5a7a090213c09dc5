"""Composing the model of a configuration; apart from the task, whose ESPnet imports take seconds."""

from functools import partial
from typing import Any, Mapping

from espnet_tse.io.slots import Slot
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.tasks.choices import TABLES, configs_of, model_choices
from espnet_tse.tasks.tokenizers import open_tokenizers


def build_model(config: Mapping[str, Any]) -> AbsTSEModel:
    """Compose the model that ``config`` names.

    Args:
        config: a name and a ``*_conf`` for the model and each of its parts, and ``tokenizers``: name ->
            folder.
    Returns:
        a model whose ``configs`` are those of its parts, by option.
    Raises:
        ValueError: unknown names or keys, values out of range, a tokenizer is lacking.
    """
    cls = model_choices.chosen(config["model"])
    tokenizers = open_tokenizers(cls, config.get("tokenizers") or {})
    model = build_part("model", "model", config, tokenizers)
    model.configs = configs_of(config)
    return model


def check_kind(slot: Slot, config: Mapping[str, Any]) -> None:
    """Raise ValueError for a choice that does not fit the slot, naming those that do."""
    classes = TABLES[slot.table].classes
    chosen = classes.get(config.get(slot.name))
    if chosen is not None and not issubclass(chosen, slot.kind):
        fitting = sorted(name for name, cls in classes.items() if issubclass(cls, slot.kind))
        raise ValueError(
            f"--{slot.name} {config[slot.name]} does not fit this model; take one of: {', '.join(fitting)}"
        )


def build_part(
    option: str, table: str, config: Mapping[str, Any], tokenizers: Mapping[str, Any], **given: Any
) -> Any:
    """A part and, first, all that it is composed of.

    Args:
        option: names it in ``config``, with ``<option>_conf``.
        given: arguments that it gets besides its configuration and its own parts.
    Raises:
        ValueError: as ``build_model``.
    """
    name, conf = config.get(option), config.get(f"{option}_conf") or {}
    if name is None:
        raise ValueError(f"--{option} is required; one of: {', '.join(sorted(TABLES[table].classes))}")
    settings = TABLES[table].config(name, conf, option)
    cls = TABLES[table].classes[name]
    for argument, slot in cls.slots.items():
        if slot.when(settings):
            check_kind(slot, config)
            build = partial(build_part, slot.name, slot.table, config, tokenizers, **slot.given(tokenizers))
            given[argument] = build if slot.deferred else build()
    return cls.from_config(settings, **given)
