import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.scored_set import read_scores


@pytest.mark.parametrize(
    "line, message", [("{", "not JSON"), ('{"spk": "a"}', "has no 'utt'"), ("3", "has no 'utt'")]
)
def test_broken_score_line_names_file_and_line(tmp_path, line, message):
    path = tmp_path / "scores.jsonl"
    path.write_text('{"utt": "a"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"scores\.jsonl:2: {message}"):
        read_scores(path)
