from pathlib import Path

import numpy as np
import pytest

from espnet_tse.scoring.asr import PRUNING, PocketSphinx, parse_asr
from espnet_tse.scoring.registry import MEASURES


def test_options():
    assert parse_asr("pocketsphinx").smoke_test
    spec = parse_asr("external:a/text,b/text")
    assert (spec.tag, spec.estimate_text, spec.target_text) == ("external", Path("a/text"), Path("b/text"))
    assert not spec.smoke_test and parse_asr("external:text").target_text is None
    for wrong in ("whisper:base.pt", "external:", ""):
        with pytest.raises(ValueError, match="or 'external"):
            parse_asr(wrong)


def test_text_does_not_depend_on_what_was_heard_before(speech, other_speech):
    recogniser = PocketSphinx()
    first = recogniser(speech[:16000])
    recogniser(0.02 * other_speech[:16000])
    assert recogniser(speech[:16000]) == first
    assert isinstance(first, str)
    assert recogniser(np.clip(3 * speech[:8000], -1, 1)) == recogniser(3 * speech[:8000])


def test_registry_names_the_pruning():
    assert PRUNING.items() <= MEASURES["pocketsphinx"].settings.items()


def test_a_grammar_is_a_part_of_the_option(tmp_path):
    spec = parse_asr(f"pocketsphinx:{tmp_path / 'grid.jsgf'}")
    assert spec.tag == "pocketsphinx" and spec.grammar == tmp_path / "grid.jsgf" and spec.smoke_test
    assert parse_asr("pocketsphinx").grammar is None


def test_with_a_grammar_only_its_words_are_heard(tmp_path):
    grammar = tmp_path / "two.jsgf"
    grammar.write_text("#JSGF V1.0;\ngrammar two;\npublic <s> = ( yes | no ) [ please ] ;\n")
    noise = np.random.default_rng(0).standard_normal(16000) * 0.1
    words = PocketSphinx(grammar)(noise).split()
    assert set(words) <= {"yes", "no", "please"}
