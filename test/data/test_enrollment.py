"""Enrollment regions: other utterances, and disjoint parts of one."""

import numpy as np
import pytest

from espnet_tse.data.enrollment import (
    Span,
    choose_other,
    crop_span,
    place_disjoint,
    share_utterance,
    with_pause,
)


def test_crop_begins_at_a_multiple_and_reaches_both_ends():
    generator = np.random.default_rng(0)
    spans = [crop_span(1000, 330, generator, multiple=64) for _ in range(300)]
    assert {span.num_samples for span in spans} == {320}
    assert all(span.start % 64 == 0 and span.end <= 1000 for span in spans)
    assert {span.start // 64 for span in spans} == set(range((1000 - 320) // 64 + 1))


@pytest.mark.parametrize("wanted", [None, 1000, 5000])
def test_a_short_utterance_is_used_whole(wanted):
    assert crop_span(1000, wanted, np.random.default_rng(0), multiple=64) == Span(0, 1000)


def test_choose_other_never_takes_the_excluded():
    generator = np.random.default_rng(0)
    chosen = {choose_other(["a", "b", "c"], "b", generator) for _ in range(50)}
    assert chosen == {"a", "c"}


def test_choose_other_of_a_single_utterance_ends_with_an_error():
    with pytest.raises(ValueError, match="no other utterance than 'a'"):
        choose_other(["a"], "a", np.random.default_rng(0))


@pytest.mark.parametrize("length", [1500, 1601, 2000, 9999])
@pytest.mark.parametrize("target", [None, 400, 640, 3000])
@pytest.mark.parametrize("multiple", [1, 64, 640])
def test_regions_are_disjoint_by_the_gap(length, target, multiple):
    lengths = share_utterance(length, target, 500, 100, multiple, minimum=50)
    if lengths is None:
        # What is left beside the gap and the rounding does not hold a frame and an enrollment.
        assert multiple == 640 and length - 100 - 639 < 640 + 500
        return
    assert lengths.target % multiple == 0
    generator = np.random.default_rng(1)
    orders = set()
    for _ in range(200):
        first, second = place_disjoint(length, lengths, generator, multiple)
        assert first.start % multiple == 0
        assert (first.num_samples, second.num_samples) == (lengths.target, lengths.enrollment)
        assert min(first.start, second.start) >= 0 and max(first.end, second.end) <= length
        assert max(second.start - first.end, first.start - second.end) >= 100
        orders.add(first.start < second.start)
    assert orders == {True, False}


def test_both_regions_shrink_in_proportion():
    lengths = share_utterance(1100, 1000, 500, 100, 1, minimum=1)
    assert (lengths.target, lengths.enrollment) == (666, 334)


def test_too_short_an_utterance():
    assert share_utterance(150, 100, 100, 100, 1, minimum=30) is None
    assert share_utterance(90, 100, 100, 100, 1, minimum=1) is None


def test_a_pause_takes_half_of_the_signal_at_most_and_keeps_the_rest_in_order():
    signal = np.arange(1, 1001, dtype=np.float32)
    for seed in range(50):
        paused = with_pause(signal, np.random.default_rng(seed))
        spoken = paused[paused != 0]
        assert len(paused) == 1000 and len(spoken) >= 500 and paused.dtype == np.float32
        np.testing.assert_array_equal(spoken, signal[: len(spoken)])
