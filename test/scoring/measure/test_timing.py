"""Timing against the times at which the target speaks."""

import numpy as np
import pytest

from espnet_tse.scoring.measure.failure import NOT_APPLICABLE, MetricFault
from espnet_tse.scoring.measure.timing import frames_of, pause_leak, timing_f1, timing_f1_of_times

RATE = 16000


def speaking(*times: tuple[float, float], duration_s: float = 4.0, level: float = 0.1) -> np.ndarray:
    samples = np.zeros(round(duration_s * RATE))
    for start, end in times:
        span = slice(round(start * RATE), round(end * RATE))
        samples[span] = level * np.sin(np.arange(span.stop - span.start) / 3)
    return samples


def test_frames_lie_where_their_middle_lies():
    assert np.flatnonzero(frames_of([(0.1, 0.12)], 50)).tolist() == [10, 11]
    assert np.flatnonzero(frames_of([(0.104, 0.116)], 50)).tolist() == [10, 11]
    assert np.flatnonzero(frames_of([(0.1, 0.12)], 50, margin_s=0.01)).tolist() == [9, 10, 11, 12]


@pytest.mark.parametrize(
    "heard, f1",
    [
        ([(1.0, 3.0)], 1.0),
        ([(1.0, 2.0)], 2 / 3),  # half of it missed: precision 1, recall 1/2
        ([(0.0, 4.0)], 2 / 3),  # all of the time: precision 1/2, recall 1
        ([(3.0, 4.0)], 0.0),
        ([(1.0, 1.9), (2.1, 3.0)], 1.0),  # a short pause is none
        ([(1.0, 1.5), (2.5, 3.0)], 2 / 3),
    ],
)
def test_f1_by_level(heard, f1):
    assert timing_f1([(1.0, 3.0)], speaking(*heard)) == pytest.approx(f1, abs=0.01)
    assert timing_f1([(1.0, 3.0)], 0.01 * speaking(*heard)) == pytest.approx(f1, abs=0.01)
    assert timing_f1([(1.0, 3.0)], speaking(*heard) + 0.05) == pytest.approx(f1, abs=0.01)


def test_f1_of_an_output_that_stops_early_or_goes_on():
    assert timing_f1([(1.0, 3.0)], speaking((1.0, 2.0), duration_s=2.0)) == pytest.approx(2 / 3, abs=0.01)
    assert timing_f1([(0.0, 1.0)], speaking((0.0, 2.0), duration_s=2.0)) == pytest.approx(2 / 3, abs=0.01)


def test_f1_of_times():
    assert timing_f1_of_times([(1.0, 3.0)], [(1.0, 1.9), (2.1, 3.0)]) == pytest.approx(0.947, abs=0.01)
    assert timing_f1_of_times([(1.0, 3.0)], []) == 0.0
    assert timing_f1_of_times([(1.0, 3.0)], [(5.0, 9.0)]) == 0.0


def test_pause_leak_compares_with_what_passes_in_the_speech():
    times = [(1.0, 3.0)]
    mixture = speaking((0.0, 4.0))
    assert pause_leak(times, mixture, mixture) == pytest.approx(0.0, abs=1e-6)
    assert pause_leak(times, mixture, 0.1 * mixture) == pytest.approx(0.0, abs=1e-6)
    weaker = speaking((1.0, 3.0)) + speaking((0.0, 1.0), (3.0, 4.0), level=0.01)
    assert pause_leak(times, mixture, weaker) == pytest.approx(-20.0, abs=0.2)
    assert pause_leak(times, mixture, speaking((1.0, 3.0))) < -70
    assert pause_leak(times, mixture, speaking((0.0, 0.9), (3.1, 4.0))) == 20.0
    assert pause_leak(times, mixture, np.zeros(RATE)) == 0.0
    # A span that was written down a little late costs nothing.
    assert pause_leak(times, mixture, speaking((0.95, 3.05))) < -70


@pytest.mark.parametrize("times", [[(0.0, 4.0)], [(1.0, 1.2)]])
def test_pause_leak_without_pauses_or_speech(times):
    mixture = speaking((0.0, 4.0))
    with pytest.raises(MetricFault, match="for less than 0.25 s") as error:
        pause_leak(times, mixture, mixture)
    assert error.value.fault.kind == NOT_APPLICABLE
