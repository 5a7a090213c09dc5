"""Estimates whose decoding was told the truth, or that were chosen among several."""

import json

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.decoding import flags_of_decoding


def test_an_oracle_setting_is_a_remark(tmp_path):
    content = {"rtf": 0.1, "settings": {"steps": 1, "ratio": "oracle", "task": "tse"}}
    (tmp_path / "decode.json").write_text(json.dumps(content))
    expected = ["ratio: oracle, from the true targets"]
    assert (
        flags_of_decoding(tmp_path / "wav.scp", None, 1) == flags_of_decoding(None, tmp_path, 1) == expected
    )


@pytest.mark.parametrize("content", [{}, [], {"settings": {"ratio": "predicted"}}, {"settings": "none"}])
def test_other_decodings_are_not_remarked_on(tmp_path, content):
    assert flags_of_decoding(tmp_path / "wav.scp", None, 1) == []
    (tmp_path / "decode.json").write_text(json.dumps(content))
    assert flags_of_decoding(tmp_path / "wav.scp", None, 1) == []


def test_a_broken_file_is_an_error(tmp_path):
    (tmp_path / "decode.json").write_text("{")
    with pytest.raises(DataError, match="decode.json: not JSON"):
        flags_of_decoding(tmp_path / "wav.scp", None, 1)


@pytest.mark.parametrize(
    "said, asked, flags",
    [
        (
            {"candidates": 8, "selector": "speaker_similarity"},
            1,
            ["best of 8 candidates by speaker_similarity"],
        ),
        ({"candidates": 1, "selector": "speaker_similarity"}, 1, []),
        ({"candidates": 1, "selector": "speaker_similarity"}, 4, ["best of 4 candidates"]),
        ({}, 4, ["best of 4 candidates"]),
        ({"candidates": "many"}, 1, []),
    ],
)
def test_a_choice_among_candidates_is_told(tmp_path, said, asked, flags):
    (tmp_path / "decode.json").write_text(json.dumps({"settings": said}))
    assert flags_of_decoding(tmp_path / "wav.scp", None, asked) == flags
