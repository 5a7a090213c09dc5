"""Marks of finished preparations."""

import pytest

from espnet_tse.io.done_mark import is_marked
from espnet_tse.io.files import write_json


def test_a_mark_is_of_one_digest(tmp_path):
    write_json(tmp_path / "mark", {"sha256": "a", "version": 1})
    assert is_marked(tmp_path / "mark", "a") and not is_marked(tmp_path / "mark", "b")
    assert not is_marked(tmp_path / "none", "a")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"sha256": "a', b"{}", b"[]", b"null", b'"a"', b"\xff\xfe", b"\0\0"]
)
def test_what_cannot_be_read_is_no_mark(tmp_path, content):
    (tmp_path / "mark").write_bytes(content)
    assert not is_marked(tmp_path / "mark", "a")
