"""When the target of a recording speaks."""

import pytest

from espnet_tse.io.activity_list import activity_line, read_activity
from espnet_tse.io.scp import DataError


def test_spans_are_in_order_and_joined(tmp_path):
    path = tmp_path / "utt2activity"
    path.write_text("a 2.5-4 0-1.25 1.25-2\nb none\nc unknown\n")
    assert read_activity(path) == {"a": ((0.0, 2.0), (2.5, 4.0)), "b": (), "c": None}
    for times in ((), None, ((0.0, 1.5), (2.25, 12345.0001))):
        path.write_text(f"u {activity_line(times)}\n")
        assert read_activity(path) == {"u": times}


@pytest.mark.parametrize("line", ["1", "1-", "2-1", "1-1", "-1-2", "0-inf", "a-b", "none 0-1", "0,5-1"])
def test_what_is_no_time(tmp_path, line):
    path = tmp_path / "utt2activity"
    path.write_text(f"u {line}\n")
    with pytest.raises(DataError, match="key 'u': '.*' is no span of time; write START-END in seconds"):
        read_activity(path)
