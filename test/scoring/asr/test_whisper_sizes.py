"""Published sizes of recognisers, by the names of their weights."""

import pytest

from espnet_tse.scoring.asr.option import parse_asr
from espnet_tse.scoring.asr.whisper_sizes import published_parameters


@pytest.mark.parametrize(
    "option, millions",
    [
        ("whisper:tiny", 39),
        ("whisper:models/base.en.pt:tag=mine", 74),
        ("faster_whisper:models/faster-whisper-small.en", 244),
        ("hf_whisper:openai/whisper-medium", 769),
        ("whisper:large-v2", 1550),
        ("hf_whisper:openai/whisper-large-v3-turbo", 809),
        ("whisper:turbo", 809),
    ],
)
def test_sizes_are_known_by_name(option, millions):
    assert published_parameters(parse_asr(option)) == millions * 1_000_000


@pytest.mark.parametrize("option", ["pocketsphinx", "external:text", "whisper:distilled.pt", "whisper:mybase"])
def test_of_others_nothing_is_said(option):
    assert published_parameters(parse_asr(option)) is None
