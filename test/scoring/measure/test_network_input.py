import numpy as np
import pytest

from espnet_tse.scoring.measure.network_input import equal_parts, full_scale, repeated


def test_full_scale_is_clipped_float32():
    samples = full_scale(np.array([-3.0, 0.25, 1.5]))
    assert samples.dtype == np.float32 and samples.tolist() == [-1.0, 0.25, 1.0]


def test_only_short_signals_are_repeated():
    assert repeated(np.arange(3), 4, 7).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert repeated(np.arange(4), 4, 7).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("count, sizes", [(52, [52]), (53, [27, 26]), (101, [34, 34, 33])])
def test_parts_are_equal_and_short_enough(count, sizes):
    parts = equal_parts(np.arange(count), 52, 50)
    assert [len(part) for part in parts] == sizes
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(count))
