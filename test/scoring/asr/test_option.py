from pathlib import Path

import pytest

from espnet_tse.scoring.asr.option import AsrSpec, parse_asr


def test_recognisers_without_weights():
    assert parse_asr("pocketsphinx").smoke_test and parse_asr("pocketsphinx").grammar is None
    spec = parse_asr("external:a/text,b/text")
    assert (spec.tag, spec.estimate_text, spec.target_text) == ("external", Path("a/text"), Path("b/text"))
    assert not spec.smoke_test and parse_asr("external:text").target_text is None
    assert parse_asr("external:text:tag=google").tag == "google"


def test_a_grammar_is_a_part_of_the_option(tmp_path):
    spec = parse_asr(f"pocketsphinx:{tmp_path / 'grid.jsgf'}")
    assert spec.tag == "pocketsphinx" and spec.grammar == tmp_path / "grid.jsgf" and spec.smoke_test


@pytest.mark.parametrize(
    "option, tag, path",
    [
        ("whisper:base", "whisper_base", "base"),
        ("whisper:models/base.en.pt", "whisper_base.en", "models/base.en.pt"),
        ("faster_whisper:d/faster-whisper-small", "faster_whisper_small", "d/faster-whisper-small"),
        ("hf_whisper:openai/whisper-large-v3", "hf_whisper_large-v3", "openai/whisper-large-v3"),
        ("whisper:a b.pt", "whisper_a_b", "a b.pt"),
        ("whisper:c:/base.pt", "whisper_base", "c:/base.pt"),  # a colon alone is no setting
    ],
)
def test_the_tag_names_kind_and_model(option, tag, path):
    spec = parse_asr(option)
    assert (spec.tag, spec.weights, spec.decode, spec.language) == (tag, Path(path), "strict", "en")
    assert spec.measure == f"asr:{tag}" and not spec.smoke_test


def test_settings_follow_a_second_colon():
    spec = parse_asr("faster_whisper:dir:language=de,compute_type=int8,tag=mine")
    assert (spec.tag, spec.language, spec.compute_type) == ("mine", "de", "int8")
    assert spec.settings == {"language": "de", "decode": "strict", "compute_type": "int8"}
    assert parse_asr("whisper:base", "paper").settings == {"decode": "paper"}  # the language is detected
    assert parse_asr("whisper:base:decode=strict", "paper").decode == "strict"
    assert AsrSpec("pocketsphinx", "p").settings == {}


@pytest.mark.parametrize(
    "option, message",
    [
        ("kaldi:model", "--asr kaldi:model: unknown; use whisper:<model>"),
        ("whisper", "unknown; use"),
        ("external:", "or 'external"),
        ("", "unknown; use"),
        ("whisper:base:beam=5", "'beam=5' is no setting of whisper; known: tag, language, decode"),
        ("whisper:base:decode=greedy", "decode is one of strict, paper"),
        ("whisper:base:tag=a/b", "a tag has letters"),
        ("whisper:base:tag=", "'tag=' is no setting"),
    ],
)
def test_malformed_options(option, message):
    with pytest.raises(ValueError, match=message):
        parse_asr(option)
