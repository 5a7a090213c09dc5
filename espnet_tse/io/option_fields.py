"""Command-line options from the fields of a dataclass: name, type, default and help are written once."""

import argparse
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from espnet_tse.io.field_types import alternatives


def option(text: str, group: str, default: Any = MISSING, shows_default: bool = True) -> Any:
    """A dataclass field that is also a command-line option.

    Args:
        text: its help.
        group: key of its group in the help.
        default: of the field and of the option; without one, an option that is left out is None.
        shows_default: False where the default only stands for "not given" and would puzzle in the help.
    """
    return field(default=default, metadata={"help": text, "group": group, "shows_default": shows_default})


def add_options(parser: argparse.ArgumentParser, config: type, groups: dict[str, str]) -> dict[str, Any]:
    """Add an option for every field made by ``option``.

    Args:
        config: the dataclass.
        groups: key of a group -> its title, in the order of the help.
    Returns:
        key of a group -> argparse's group, for options that are no fields.
    """
    made = {name: parser.add_argument_group(title) for name, title in groups.items()}
    hints = get_type_hints(config)
    for each in fields(config):
        if "group" in each.metadata:
            how = _way_of_type(each, hints[each.name])
            if not each.metadata["shows_default"]:
                how["default"] = argparse.SUPPRESS
            group = made[each.metadata["group"]]
            group.add_argument(f"--{each.name}", help=each.metadata["help"], **how)
    return made


def _way_of_type(each: Field, hint: Any) -> dict[str, Any]:
    """How argparse reads a type: lists of paths follow one option, lists of text come one an option."""
    default = None if each.default is MISSING else each.default
    if get_origin(hint) is tuple:
        several = {"nargs": "+", "action": "extend"} if get_args(hint)[0] is Path else {"action": "append"}
        return {"type": get_args(hint)[0], "default": list(default or ()), **several}
    if hint is bool and default is False:
        return {"action": "store_true"}
    kind = alternatives(hint)[0]
    return {"type": true_or_false if kind is bool else kind, "default": default}


def true_or_false(value: str) -> bool:
    """``true``/``false`` as ESPnet's options have them."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise argparse.ArgumentTypeError(f"'{value}' is neither true nor false")


def from_arguments(config: type, args: argparse.Namespace) -> Any:
    """The dataclass with what the command line gave; fields that it does not name keep their defaults."""
    given = {each.name: getattr(args, each.name) for each in fields(config) if hasattr(args, each.name)}
    return config(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    )
