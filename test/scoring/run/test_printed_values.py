import math

import pytest

from espnet_tse.scoring.run.printed_values import read_printed


def test_what_python_prints_is_read():
    text = "{'a': np.float64(-1.5e-3), 'b': [np.int64(2), (None, True)], 'c': 'np.float64(1)', 'd': -inf, 'e': +1}"
    expected = {"a": -1.5e-3, "b": [2, [None, True]], "c": "np.float64(1)", "d": -math.inf, "e": 1}
    assert read_printed(text) == expected
    assert math.isnan(read_printed("np.float32(nan)")) and math.isnan(read_printed("numpy.nan"))


@pytest.mark.parametrize(
    "text",
    ["open('x')", "np.load('x')", "np.float64(1, 2)", "a", "-'a'", "{1: 2}", "{**{}}", "1 + 1", "", "["],
)
def test_what_is_no_value_is_refused(text):
    with pytest.raises(ValueError, match="no value|no name of a field|not a printed value"):
        read_printed(text)
