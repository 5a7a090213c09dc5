"""Exit codes in words."""

import pytest

from espnet_tse.io.exit_code import ending_of


@pytest.mark.parametrize(
    "code, words",
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed (signal 9): usually the machine ran out of memory"),
        (137, "was killed (signal 9): usually the machine ran out of memory"),
        (-11, "was ended by signal 11 (SIGSEGV)"),
        (143, "was ended by signal 15 (SIGTERM)"),
        (255, "ended with exit code 255"),
        (128, "ended with exit code 128"),
    ],
)
def test_ending(code, words):
    assert ending_of(code) == words
