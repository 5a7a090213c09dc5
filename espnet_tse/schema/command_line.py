"""What all command lines have in common: options are written out, and slow starts are announced."""

import argparse
import os
import re
import sys
import time
from typing import Sequence

from espnet_tse.schema.nearest_name import nearest_name


class CommandLine(argparse.ArgumentParser):
    """A parser that takes no abbreviations and names the nearest option for one that it does not know."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def parse_args(self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None):
        # First, for a misspelt option is often a required one.
        refuse_unknown_options(self, sys.argv[1:] if args is None else args)
        return super().parse_args(args, namespace)


def refuse_unknown_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """End with exit code 2 and the nearest known names if ``words`` hold options that ``parser`` lacks."""
    known = {option.lstrip("-"): option for option in parser._option_string_actions}
    faults = []
    for word in map(str, words):
        if word == "--":
            break
        # argparse takes a word with a space for a value ("--lr 1"), any other one like this for an option.
        option = re.fullmatch(r"(--[^\s=]+)(=\S*)?", word)
        if option and option[1] not in known.values():
            near = nearest_name(option[1].lstrip("-"), known)
            faults.append(f"unknown option {option[1]}" + (f" (did you mean {known[near]}?)" if near else ""))
    if faults:
        parser.error(f"{', '.join(faults)}; see --help")


def announce(what: str) -> None:
    """A line on stderr ahead of imports that take seconds, from the first of several processes only."""
    if os.environ.get("RANK", "0") == "0":
        print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)
