"""The text normalisers of the package openai-whisper.

They are loaded by themselves: importing the whole package would load torch. transformers has a port of them, but
without the spelling table, so that the numbers would depend on which package is installed.
"""

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Callable

PACKAGE = "openai-whisper"


@lru_cache
def _normalisers() -> ModuleType:
    """``whisper.normalizers`` under another name.

    Raises:
        ModuleNotFoundError: openai-whisper is not installed (a plan checks that before).
    """
    package = importlib.util.find_spec("whisper")
    if package is None:
        raise ModuleNotFoundError("no package 'whisper'; pip install -e '.[score-asr]'.")
    folder = Path(next(iter(package.submodule_search_locations))) / "normalizers"
    name = f"{__name__}.normalizers"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@lru_cache
def _made(class_name: str) -> Callable[[str], str]:
    return getattr(_normalisers(), class_name)()


def _spoken(text: str) -> str:
    """Without tokens that hold no letter and no digit: "..." leaves a lone "." behind."""
    return " ".join(token for token in text.split() if any(char.isalnum() for char in token))


def normalise_whisper_en(text: str) -> str:
    """Contractions expanded, American spelling, numbers as digits, fillers dropped.

    It has oddities: "O'CONNOR'S" -> "0 connor is", "twenty one dollars" -> "$21".
    """
    return _spoken(_made("EnglishTextNormalizer")(text))


def normalise_whisper_basic(text: str) -> str:
    """Lower case, punctuation and spans in brackets dropped; for any language."""
    return _spoken(_made("BasicTextNormalizer")(text))
