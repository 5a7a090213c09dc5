"""Transcripts: reading them, normalising them, and what is counted in them."""

import re
import unicodedata
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.whisper_text import normalise_whisper_basic, normalise_whisper_en


def read_text(path: Path | str) -> dict[str, str]:
    """Read a Kaldi ``text`` file; unlike an scp, a key may stand alone (an empty transcript).

    Raises:
        DataError: missing file, not UTF-8, or a duplicate key.
    """
    path = Path(path)
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; fix the path.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); convert it, e.g. with iconv.") from None
    transcripts: dict[str, str] = {}
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        key, *words = line.split(maxsplit=1)
        if key in transcripts:
            raise DataError(f"{path}:{number}: duplicate key '{key}'; keys must be unique.")
        transcripts[key] = words[0].strip() if words else ""
    return transcripts


_SPANS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\uff07": "'", "`": "'"})


def normalise_basic(text: str) -> str:
    """Lower case, no punctuation, no spans in brackets; apostrophes between letters stay.

    "Don't STOP, well-known [noise] O'Connor's" -> "don't stop well known o'connor's". Applying it twice
    changes nothing.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    text = unicodedata.normalize("NFKC", text)
    text = _SPANS.sub(" ", text).translate(_APOSTROPHES)
    kept = []
    for index, char in enumerate(text):
        if char == "'":
            inside = 0 < index < len(text) - 1 and text[index - 1].isalpha() and text[index + 1].isalpha()
            kept.append("'" if inside else " ")
        else:
            # Combining marks belong to the letter before them (scripts without precomposed forms).
            kept.append(char if char.isalnum() or unicodedata.category(char).startswith("M") else " ")
    return " ".join("".join(kept).split())


def normalise_none(text: str) -> str:
    """The words unchanged."""
    return " ".join(text.split())


NORMALISERS = {
    "basic": normalise_basic,
    "none": normalise_none,
    "whisper_en": normalise_whisper_en,
    "whisper_basic": normalise_whisper_basic,
}
# Name of the error rate by what is counted (--unit).
RATES = {"word": "wer", "char": "cer"}


def split_units(text: str, unit: str) -> list[str]:
    """Words, or characters without the blanks between words (for scripts that write none)."""
    words = text.split()
    return words if unit == "word" else list("".join(words))
