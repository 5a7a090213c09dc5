import pytest

from espnet_tse.scoring.asr.text import normalise_basic, normalise_none


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
