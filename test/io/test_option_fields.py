"""Options of a dataclass as argparse reads them."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from espnet_tse.io.option_fields import add_options, from_arguments, option


@dataclass(frozen=True)
class Options:
    scp: Path | None = option("a list", "inputs")
    lists: tuple[Path, ...] = option("more lists", "inputs", ())
    tag: tuple[str, ...] = option("repeatable", "how", ())
    rate: int = option("in Hz", "how", 16000)
    level: str = option("none or peak", "how", "", shows_default=False)
    fast: bool = option("do less", "how", False)
    resume: bool = option("go on", "how", True)
    internal: int = 3


def parser_of() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    groups = add_options(parser, Options, {"how": "settings", "inputs": "what is read"})
    assert list(groups) == ["how", "inputs"]
    return parser


def parsed(line: str) -> Options:
    return from_arguments(Options, parser_of().parse_args(line.split()))


def test_what_is_not_given_is_the_fields_default():
    assert parsed("") == Options(None)


def test_every_type_is_read():
    line = "--scp a --lists b c --lists d --tag x --tag y --rate 8000 --level peak --fast --resume false"
    paths = (Path("b"), Path("c"), Path("d"))
    assert parsed(line) == Options(Path("a"), paths, ("x", "y"), 8000, "peak", True, False)


def test_what_is_no_option_field_is_no_option():
    names = {action.dest for action in parser_of()._actions} - {"help"}
    assert names == {each.name for each in fields(Options)} - {"internal"}


def test_help_has_the_groups_in_order_and_defaults_where_they_say_something():
    text = " ".join(parser_of().format_help().split())
    assert text.index("settings:") < text.index("what is read:")
    assert "in Hz (default: 16000)" in text and "none or peak --fast" in text


def test_neither_true_nor_false_is_refused(capsys):
    with pytest.raises(SystemExit):
        parser_of().parse_args(["--resume", "no"])
    assert "'no' is neither true nor false" in capsys.readouterr().err
