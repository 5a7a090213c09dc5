"""Shares of deletion and insertion."""

import numpy as np
import pytest

from espnet_tse.scoring.measure.deletion_insertion import Change, of_unit_norm


def change(before, after) -> Change:
    result = Change()
    result.add(np.asarray(before, dtype=np.float32), np.asarray(after, dtype=np.float32))
    return result


def test_the_worked_example():
    found = change([4, 0], [1, 1])
    assert (found.deleted, found.inserted, found.deletion) == (3.0, 1.0, 0.75)


def test_identities():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 7, 5))
    found, back, louder = change(a, b), change(b, a), change(3 * a, 3 * b)
    assert found.deleted + found.inserted == pytest.approx(np.abs(a - b).sum(), rel=1e-5)
    assert found.inserted - found.deleted == pytest.approx((b - a).sum(), rel=1e-4)
    assert (back.deleted, back.inserted) == pytest.approx((found.inserted, found.deleted))
    assert louder.deletion == pytest.approx(found.deletion, rel=1e-5)


def test_no_change_has_no_share_and_shapes_have_to_agree():
    assert change([1, 2], [1, 2]).deletion is None
    with pytest.raises(ValueError, match="cannot be compared"):
        change([1, 2], [1, 2, 3])


def test_sums_are_of_the_set_and_not_means_of_shares():
    found = change([4, 0], [0, 0])
    found.add(np.array([0.0, 0.0]), np.array([0.0, 1.0]))
    assert found.deletion == pytest.approx(4 / 5)


def test_unit_norm():
    assert np.linalg.norm(of_unit_norm(np.array([[3.0, 4.0]]))) == pytest.approx(1.0)
    assert not of_unit_norm(np.zeros((2, 2))).any()
