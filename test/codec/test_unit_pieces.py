import random

import pytest

from espnet_tse.codec.unit_pieces import UnitPieces, merged
from espnet_tse.io.scp import DataError


def rows_of_words(number: int, seed: int = 0) -> list[list[int]]:
    """Utterances of three words of units, each unit lasting one to four frames."""
    draw = random.Random(seed)
    words = [[3, 1, 4, 1, 5], [2, 7, 1], [8, 2, 8, 4, 5]]
    rows = []
    for _ in range(number):
        units = [unit for _ in range(6) for unit in draw.choice(words)]
        rows.append([unit for unit in units for _ in range(draw.randint(1, 4))])
    return rows


@pytest.fixture(scope="module")
def pieces() -> UnitPieces:
    return UnitPieces.fit(rows_of_words(50), num_units=10, num_pieces=30, tokenizer="one")


def test_pieces_give_the_units_back_but_for_their_lengths(pieces, tmp_path):
    for row in rows_of_words(5, seed=1):
        encoded = pieces.encode(row)
        assert len(encoded) < 0.5 * len(merged(row)) and min(encoded) >= 1
        assert pieces.decode(encoded) == merged(row)
    pieces.save(tmp_path / "pieces.model")
    assert UnitPieces.load(tmp_path / "pieces.model").encode([3, 1, 4]) == pieces.encode([3, 3, 1, 4, 4])


def test_a_unit_that_was_never_seen_is_a_piece_of_its_own(pieces):
    assert pieces.decode(pieces.encode([9, 9, 0, 6])) == [9, 0, 6]
    assert pieces.num_pieces == 30


def test_long_utterances_are_heard_too():
    """sentencepiece leaves out lines of more than 4192 bytes without a word."""
    long = [unit for row in rows_of_words(60) for unit in row]
    assert len(merged(long)) * 3 > 4192
    alone = UnitPieces.fit([long], num_units=10, num_pieces=30, tokenizer="one")
    assert len(alone.encode(long)) < 0.5 * len(merged(long))


def test_lines_of_any_length_are_fitted():
    """sentencepiece ends the process at lines of 65,536 characters."""
    hours = [unit for row in rows_of_words(3000) for unit in row]
    assert len(merged(hours)) > 65_536
    pieces = UnitPieces.fit([hours], num_units=10, num_pieces=30, tokenizer="one")
    assert pieces.num_pieces == 30


def test_a_few_units_are_a_line_too():
    assert UnitPieces.fit([[1, 2]], num_units=3, num_pieces=5, tokenizer="one").decode([1]) == [1, 2]


@pytest.mark.parametrize(
    "rows, pieces, message",
    [
        ([[1, 2]], 10, "10 pieces are too few"),
        ([[]], 30, "no units"),
        ([[1, 2, 3]], 500, "500 pieces cannot be had of these units"),
    ],
)
def test_what_cannot_be_is_said(rows, pieces, message):
    with pytest.raises(DataError, match=message):
        UnitPieces.fit(rows, num_units=10, num_pieces=pieces, tokenizer="one")


def test_another_file_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"no model")
    with pytest.raises(DataError, match="x.json: no such file; fit it with --fit"):
        UnitPieces.load(tmp_path / "x")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DataError, match="x.json: cannot be read"):
        UnitPieces.load(tmp_path / "x")
    (tmp_path / "x.json").write_text('{"tokenizer": "one"}')
    with pytest.raises(DataError, match="is no model of sentencepiece"):
        UnitPieces.load(tmp_path / "x")
    with pytest.raises(DataError, match="fit it with --fit"):
        UnitPieces.load(tmp_path / "y")
