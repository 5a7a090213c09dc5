"""What all command lines share: options written out, errors without a traceback, slow starts announced."""

import argparse
import contextlib
import errno
import io
import os
import re
import sys
import time
import traceback
from typing import Callable, Iterator, Sequence

from espnet_tse.io.nearest_name import nearest_name
from espnet_tse.io.rank_error import record_error
from espnet_tse.io.scp import DataError

# Of ESPnet, which falls back to attention of its own.
IDLE_NOTES = ("Failed to import Flash Attention",)

WANTS_FOLDER = "is a file where a folder is wanted; name another place"
INTERRUPTED = 130  # 128 + SIGINT


class CommandLine(argparse.ArgumentParser):
    """A parser without abbreviations that names the nearest option of an unknown one, in brief faults."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def parse_args(self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None):
        # First, for a misspelt option is often a required one.
        refuse_unknown_options(self, sys.argv[1:] if args is None else args)
        return super().parse_args(args, namespace)

    def error(self, message: str):
        """End with exit code 2; the usage of a command with forty options would bury the message."""
        self.exit(2, f"{self.prog}: error: {message}\n{self.prog} --help lists all options.\n")


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
        parser.error(", ".join(faults))


def run_command(prog: str, work: Callable[[], int | None]) -> int:
    """Run ``work``; what a user can fix ends in one message on stderr and exit code 1, without a traceback.

    Ctrl-C ends in "stopped" and exit code 130, as of a shell's own commands.

    Of several processes each also leaves its error for their launcher, which tells the first one.

    Args:
        prog: name of the command, begins the message.
        work: returns an exit code, or None for 0.
    """
    try:
        return work() or 0
    except KeyboardInterrupt:
        return stopped(prog)
    except DataError as error:
        message = str(error)
    except OSError as error:
        if error.errno is None:  # not of the operating system: a library's own
            record_error(f"{type(error).__name__}: {error}", traceback.format_exc())
            raise
        place = f"{error.filename}: " if error.filename is not None else ""
        fix = "make room or fix its rights, then run the same command again"
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            fix = "fix the path"
        elif isinstance(error, IsADirectoryError):
            fix = "name a file"
        elif error.errno == errno.EROFS:
            fix = "name a place that can be written"
        fault = f"{error.strerror}; {fix}"
        if isinstance(error, FileExistsError) and error.filename2 is None:  # no link: a folder
            fault = WANTS_FOLDER
        message = f"{place}{fault}."
    except Exception as error:
        record_error(f"{type(error).__name__}: {error}", traceback.format_exc())
        raise
    record_error(message)
    print(f"{prog}: error: {message}", file=sys.stderr)
    return 1


def stopped(prog: str) -> int:
    """The line and the exit code after Ctrl-C."""
    print(f"{prog}: stopped", file=sys.stderr)
    return INTERRUPTED


@contextlib.contextmanager
def imports_to_stderr() -> Iterator[None]:
    """Around imports: what libraries print to stdout goes to stderr, without hints of faster ways."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            if not line.startswith(IDLE_NOTES):
                print(line, file=sys.stderr)


def announce(what: str) -> None:
    """A line on stderr ahead of imports that take seconds, from the first of several processes only."""
    if os.environ.get("RANK", "0") == "0":
        print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)
