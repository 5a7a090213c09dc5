"""Kaldi's ``command |`` in a list, run without a shell: nothing in a list is expanded or interpreted."""

import re
import shlex
import subprocess

from espnet_tse.io.exit_code import ending_of

# What a shell would act on. Quotes hide all of it, but double quotes not the last two.
SHELL_SYNTAX = re.compile(r"\d*>|<|&|;|\|\||[()]|\$|`")
EXPANDED = re.compile(r"\$|`")
QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""")


class PipeError(ValueError):
    """A command that cannot be run or fails; the message says which and why."""


def output_of(commands: str) -> bytes:
    """What the last of ``a | b`` writes.

    Raises:
        PipeError: syntax of a shell, an empty or missing command, or one that fails.
    """
    if syntax := shell_syntax(commands):
        raise PipeError(
            f"no shell runs it, so '{syntax}' would be passed on as it stands; where that is wanted, write "
            f"bash -c {shlex.quote(commands.strip())} |"
        )
    lexer = shlex.shlex(commands, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    stages: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word == "|":
                stages.append([])
            else:
                stages[-1].append(word)
    except ValueError as error:
        raise PipeError(f"{error}; close the quotes") from None
    data: bytes | None = None
    for stage in stages:
        data = run(stage, data)
    return data or b""


def shell_syntax(commands: str) -> str | None:
    """The first thing in it that only a shell understands."""
    for quoted in QUOTED.findall(commands):
        if quoted.startswith('"') and (found := EXPANDED.search(quoted)):
            return found.group()
    found = SHELL_SYNTAX.search(QUOTED.sub("", commands))
    return found and found.group()


def run(words: list[str], data: bytes | None) -> bytes:
    """Standard output of one command, which reads ``data``."""
    if not words:
        raise PipeError("there is an empty command in it")
    try:
        return subprocess.run(words, input=data, capture_output=True, check=True).stdout
    except OSError as error:
        reason = (
            "is not installed"
            if isinstance(error, FileNotFoundError)
            else f"cannot be run ({error.strerror})"
        )
        raise PipeError(f"the command '{words[0]}' {reason}") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode("utf-8", "replace").strip()[-300:]
        raise PipeError(f"'{shlex.join(words)}' {ending_of(error.returncode)}: {reason}") from None
