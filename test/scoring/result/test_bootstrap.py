import numpy as np
import pytest

from espnet_tse.scoring.result import bootstrap
from espnet_tse.scoring.result.bootstrap import interval_of_mean, interval_of_ratio


def test_known_interval_of_a_mean():
    assert interval_of_mean(np.arange(100) / 10) == pytest.approx([4.3819, 5.4951], abs=1e-4)


def test_known_interval_of_a_rate():
    interval = interval_of_ratio([0, 1, 2, 0, 1] * 20, [5, 4, 6, 3, 7] * 20)
    assert interval == pytest.approx([0.1356, 0.1839], abs=1e-4)


@pytest.mark.parametrize("values, clusters", [([], None), ([1.0], None), ([1.0, 2.0], ["a", "a"])])
def test_fewer_than_two_units_have_no_interval(values, clusters):
    assert interval_of_mean(values, clusters) is None


def test_speakers_are_resampled_whole():
    # Within a speaker nothing varies: the interval of 50 utterances is that of 5 speakers.
    values, speakers = np.repeat(np.arange(5.0), 10), np.repeat(list("abcde"), 10)
    assert interval_of_mean(values, speakers) == interval_of_mean(np.arange(5.0))
    by_utterance = interval_of_mean(values)
    by_speaker = interval_of_mean(values, speakers)
    assert by_speaker[1] - by_speaker[0] > 2 * (by_utterance[1] - by_utterance[0])


def test_intervals_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    values = np.random.default_rng(1).normal(size=333)
    whole = interval_of_mean(values)
    monkeypatch.setattr(bootstrap, "BLOCK", 7 * 333 + 5)
    monkeypatch.setattr(bootstrap, "HELD", 0)
    assert interval_of_mean(values) == whole


def test_memory_does_not_grow_with_the_set(monkeypatch):
    monkeypatch.setattr(bootstrap, "DRAWS", 30)
    monkeypatch.setattr(bootstrap, "BLOCK", 1000)
    assert [block.shape for block in bootstrap._blocks(10)] == [(30, 10)]
    assert {block.shape for block in bootstrap._drawn(5000)} == {(1, 5000)}
