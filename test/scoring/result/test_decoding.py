"""Estimates whose decoding was told the truth."""

import json

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.decoding import oracle_settings


def test_an_oracle_setting_is_a_remark(tmp_path):
    content = {"rtf": 0.1, "settings": {"steps": 1, "ratio": "oracle", "task": "tse"}}
    (tmp_path / "decode.json").write_text(json.dumps(content))
    expected = ["ratio: oracle, from the true targets"]
    assert oracle_settings(tmp_path / "wav.scp", None) == oracle_settings(None, tmp_path) == expected


@pytest.mark.parametrize("content", [{}, [], {"settings": {"ratio": "predicted"}}, {"settings": "none"}])
def test_other_decodings_are_not_remarked_on(tmp_path, content):
    assert oracle_settings(tmp_path / "wav.scp", None) == []
    (tmp_path / "decode.json").write_text(json.dumps(content))
    assert oracle_settings(tmp_path / "wav.scp", None) == []


def test_a_broken_file_is_an_error(tmp_path):
    (tmp_path / "decode.json").write_text("{")
    with pytest.raises(DataError, match="decode.json: not JSON"):
        oracle_settings(tmp_path / "wav.scp", None)
