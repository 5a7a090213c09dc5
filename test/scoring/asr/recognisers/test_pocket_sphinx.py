import numpy as np

from espnet_tse.scoring.asr.recognisers.pocket_sphinx import PRUNING, PocketSphinx
from espnet_tse.scoring.measure.registry import MEASURES


def test_text_does_not_depend_on_what_was_heard_before(speech, other_speech):
    recogniser = PocketSphinx()
    first = recogniser(speech[:16000])
    recogniser(0.02 * other_speech[:16000])
    assert recogniser(speech[:16000]) == first
    assert isinstance(first, str)
    assert recogniser(np.clip(3 * speech[:8000], -1, 1)) == recogniser(3 * speech[:8000])


def test_registry_names_the_pruning():
    assert PRUNING.items() <= MEASURES["pocketsphinx"].settings.items()


def test_with_a_grammar_only_its_words_are_heard(tmp_path):
    grammar = tmp_path / "two.jsgf"
    grammar.write_text("#JSGF V1.0;\ngrammar two;\npublic <s> = ( yes | no ) [ please ] ;\n")
    noise = np.random.default_rng(0).standard_normal(16000) * 0.1
    words = PocketSphinx(grammar)(noise).split()
    assert set(words) <= {"yes", "no", "please"}
