"""Kaldi's ``command |`` in a list, run without a shell: nothing in a list is expanded or interpreted."""

import re
import shlex
import subprocess

from espnet_tse.io.exit_code import ending_of

# What a shell would act on. Quotes hide all of it, but double quotes not the last two.
SHELL_SYNTAX = re.compile(r"\d*>|<|&|;|\|\||[()]|\$|`")
HOME = re.compile(r"(?:^|[\s|])(~)")  # at the start of a word
VARIABLE = re.compile(r"(?:^|\|)\s*([A-Za-z_]\w*=)\S*\s")  # ahead of a command
PATTERN = re.compile(r"[*?]|\[.*\]")  # a shell would pass it on as well, where no file has such a name
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
        raise PipeError(without_shell(syntax, commands))
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
    try:
        for stage in stages:
            data = run(stage, data)
    except PipeError as error:
        if pattern := PATTERN.search(QUOTED.sub("", commands)):
            raise PipeError(f"{error}; {without_shell(pattern.group(), commands)}") from None
        raise
    return data or b""


def without_shell(syntax: str, commands: str) -> str:
    return (
        f"no shell runs it, so '{syntax}' would be passed on as it stands; where the shell is wanted, write "
        f"bash -c {shlex.quote(commands.strip())} |"
    )


def shell_syntax(commands: str) -> str | None:
    """The first thing in it that only a shell understands."""
    for quoted in QUOTED.findall(commands):
        if quoted.startswith('"') and (found := EXPANDED.search(quoted)):
            return found.group()
    bare = QUOTED.sub("", commands)
    if found := SHELL_SYNTAX.search(bare):
        return found.group()
    found = HOME.search(bare) or VARIABLE.search(bare)
    return found and found.group(1)


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
