import subprocess
import sys

import pytest

from espnet_tse.scoring.asr import whisper_text
from espnet_tse.scoring.asr.text import NORMALISERS, split_units
from espnet_tse.scoring.asr.whisper_text import normalise_whisper_basic, normalise_whisper_en


@pytest.mark.parametrize(
    "raw, expected",
    [
        (
            "Mr. Smith won't pay twenty one dollars, um, for the colour...",
            "mister smith will not pay $21 for the color",
        ),
        ("O'CONNOR'S", "0 connor is"),  # an oddity that is known
        ("so . . . well", "so well"),  # tokens without letter or digit
        ("", ""),
    ],
)
def test_english(raw, expected):
    assert normalise_whisper_en(raw) == expected


def test_any_language():
    assert normalise_whisper_basic("Größe (laut): C'est «l'été»!") == "größe c est l été"


def test_units():
    assert split_units("ab  c", "word") == ["ab", "c"] and split_units("ab c", "char") == ["a", "b", "c"]


def test_they_are_the_packages_own_and_load_no_torch():
    code = (
        "import sys; from espnet_tse.scoring.asr.text import NORMALISERS\n"
        "assert NORMALISERS['whisper_en']('colour') == 'color'\n"
        "assert 'torch' not in sys.modules and 'whisper' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(NORMALISERS) == {"basic", "none", "whisper_en", "whisper_basic"}


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(whisper_text.importlib.util, "find_spec", lambda name: None)
    whisper_text._normalisers.cache_clear()
    whisper_text._made.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=r"\[score-asr\]"):
        normalise_whisper_en("a")
