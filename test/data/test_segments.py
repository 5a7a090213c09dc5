"""Lines of ``segments``: what part of a recording they name, and which are refused."""

import logging

import pytest

from espnet_tse.data.segments import Segment, read_segments
from espnet_tse.io.scp import DataError


@pytest.mark.parametrize(
    "line, span", [("r 0.25 0.5", (2000, 4000)), ("r 0.5 -1", (4000, 16000)), ("r 0 2.00001", (0, 16000))]
)
def test_the_part_in_samples(line, span):
    assert Segment.parse(line).span(16000, 8000) == span


@pytest.mark.parametrize(
    "line", ["r 1", "r 0 x", "r 0 1 0", "r -1 1", "r 2 1", "r 1 1", "r nan 1", "r 0 nan", "r 0 inf", "r 0 -2"]
)
def test_times_that_no_part_has(tmp_path, line):
    path = tmp_path / "segments"
    path.write_text(f"a r 0 1\nb {line}\n")
    with pytest.raises(DataError, match=f"segments: key 'b': '{line}'"):
        read_segments(path)


def test_beyond_the_recording(caplog):
    with caplog.at_level(logging.WARNING):
        assert Segment.parse("r 1.5 2.4").span(16000, 8000) == (12000, 16000)
    assert "segment 1.5 to 2.4 s of 'r' is cut at the recording's end, 2.000 s" in caplog.text
    for line in ("r 1.5 2.6", "r 2.1 2.3"):
        with pytest.raises(ValueError, match="is not within the recording, which lasts 2.000 s"):
            Segment.parse(line).span(16000, 8000)
