import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.text import normalise_basic, normalise_none, read_text


@pytest.mark.parametrize(
    "raw, expected",
    [
        ("Don't STOP, well-known [noise] O\u2019Connor\u2019s\u2026", "don't stop well known o'connor's"),
        ("'tis rock'n'roll, the dogs' home", "tis rock'n'roll the dogs home"),
        ("a/b_c <unk> (laughs) 42%", "a b c 42"),
        ("\uff21\uff22 caf\u00e9 \ufb01n", "ab caf\u00e9 fin"),
        ("", ""),
        ("...", ""),
    ],
)
def test_basic(raw, expected):
    assert normalise_basic(raw) == expected
    assert normalise_basic(normalise_basic(raw)) == expected


def test_none_keeps_case():
    assert normalise_none("  A  b. ") == "A b."


def test_a_key_may_stand_alone(tmp_path):
    path = tmp_path / "text"
    path.write_text("a one two\nb\n\nc  x \n")
    assert read_text(path) == {"a": "one two", "b": "", "c": "x"}


def test_double_keys_and_missing_files(tmp_path):
    path = tmp_path / "text"
    path.write_text("a one\na two\n")
    with pytest.raises(DataError, match=r"text:2: duplicate key 'a'"):
        read_text(path)
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "nothing")
    path.write_bytes(b"a \xff\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_text(path)
