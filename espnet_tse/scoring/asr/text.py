"""Transcripts: normalising them, and what is counted in them."""

import re
import unicodedata

from espnet_tse.scoring.asr.whisper_text import normalise_whisper_basic, normalise_whisper_en


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
