import pytest

from espnet_tse.io.json_lines import whole_rows


@pytest.mark.parametrize(
    "text, rows",
    [
        ("", []),
        ('{"a": 1}\n', [{"a": 1}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}]),  # whole as JSON, but its end was not written
        ('{"a": 1}\n{"a', [{"a": 1}]),
        ('{"a": "x\u2028y"}\n', [{"a": "x\u2028y"}]),  # ends a line for str.splitlines
    ],
)
def test_a_line_counts_once_it_ends(tmp_path, text, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text(text, encoding="utf-8")
    assert whole_rows(path) == rows


def test_a_broken_line_that_ends_is_no_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a\n', encoding="utf-8")
    with pytest.raises(ValueError):
        whole_rows(path)
