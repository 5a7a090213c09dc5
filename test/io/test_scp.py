"""Lists of Kaldi: what is read, what is refused and by which message, what is written."""

import pytest

from espnet_tse.io.scp import DataError, read_scp, read_text, write_scp


def test_the_value_is_the_rest_of_the_line(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_bytes(b"a /x y/a.wav\r\n\nb\t/x/b\tc.wav \n  c   d\n")
    assert read_scp(path) == {"a": "/x y/a.wav", "b": "/x/b\tc.wav", "c": "d"}


def test_a_tab_inside_a_value_stays(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_text("a /x/one\ttwo.wav\n")
    assert read_scp(path) == {"a": "/x/one\ttwo.wav"}


def test_characters_that_python_takes_for_line_ends_stay_inside_a_transcript(tmp_path):
    path = tmp_path / "text"
    path.write_text("a one\u2028two\nb three\n", encoding="utf-8")
    assert read_text(path) == read_scp(path) == {"a": "one\u2028two", "b": "three"}


def test_a_key_of_a_text_may_stand_alone(tmp_path):
    path = tmp_path / "text"
    path.write_text("a one two\nb\n\nc  x \n")
    assert read_text(path) == {"a": "one two", "b": "", "c": "x"}
    with pytest.raises(DataError, match="text:2: key 'b' has no value"):
        read_scp(path)


@pytest.mark.parametrize("read", [read_scp, read_text])
def test_what_cannot_be_read_is_named(tmp_path, read):
    path = tmp_path / "list"
    path.write_text("a one\na two\n")
    with pytest.raises(DataError, match="list:2: duplicate key 'a'"):
        read(path)
    path.write_bytes(b"a \xff\n")
    with pytest.raises(DataError, match="list: not UTF-8"):
        read(path)
    with pytest.raises(DataError, match="nothing: no such file"):
        read(tmp_path / "nothing")
    with pytest.raises(DataError, match="is a folder, not a list"):
        read(tmp_path)


def test_entries_are_written_in_byte_order(tmp_path):
    path = tmp_path / "wav.scp"
    write_scp(path, {"b": 1, "\u00e9": 2, "B": 3})
    assert path.read_text(encoding="utf-8") == "B 3\nb 1\n\u00e9 2\n" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("key", ["my rec 1", "", " a", "a\tb"])
def test_a_key_that_would_be_read_as_another_is_not_written(tmp_path, key):
    path = tmp_path / "wav.scp"
    write_scp(path, {"a": 1})
    with pytest.raises(DataError, match="empty or has spaces"):
        write_scp(path, {"b": 2, key: 1})
    assert read_scp(path) == {"a": "1"}
