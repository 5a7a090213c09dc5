"""Files of transcripts: Kaldi's ``key words``, and not sclite's ``words (key)``."""

import re
import shlex
from pathlib import Path

from espnet_tse.io.scp import DataError, read_text
from espnet_tse.scoring.run.job import Utterance

_SCLITE_LINE = re.compile(r"(?:.*\s)?\(([^\s()]+)\)\s*")


def read_transcript_file(path: Path, utterances: list[Utterance]) -> dict[str, str]:
    """Key -> words.

    Args:
        utterances: those to score; their keys distinguish a remark in brackets from sclite's key.
    Raises:
        DataError: as ``read_text``, or the lines are sclite's.
    """
    _refuse_sclite(path, {utterance.key for utterance in utterances})
    return read_text(path)


def _refuse_sclite(path: Path, keys: set[str]) -> None:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return  # read_text says it better
    lines = [line for line in lines if line.strip() and not line.startswith(";;")]
    found = [_SCLITE_LINE.fullmatch(line) for line in lines]
    if not lines or not all(found) or any(line.split()[0] in keys for line in lines):
        return
    raise DataError(
        f"{path}: is a transcript of sclite (trn: words, then the key in brackets, as '({found[0][1]})'); write 'key "
        f"words' lines: sed -nE 's/^(.*)\\(([^()]+)\\)[[:space:]]*$/\\2 \\1/p' {shlex.quote(str(path))} > text."
    )
