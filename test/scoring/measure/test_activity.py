import numpy as np
import pytest

from espnet_tse.scoring.measure.activity import active_frames, frame_energy, overlap_ratio


def tone(start, end, level=0.1, length=16000):
    samples = np.zeros(length)
    samples[start:end] = level * np.sin(np.arange(end - start) / 3)
    return samples


def test_frames_are_10_ms_and_the_last_is_filled():
    assert len(frame_energy(np.ones(161))) == 2
    assert frame_energy(np.ones(161))[1] == 1.0


def test_activity_is_relative_to_the_loudest_frame():
    samples = tone(1600, 3200) + tone(4800, 6400, level=0.1 * 10 ** (-29 / 20)) + tone(8000, 9600, 1e-3)
    assert np.flatnonzero(active_frames(samples)).tolist() == [*range(10, 20), *range(30, 40)]
    assert np.array_equal(active_frames(100 * samples), active_frames(samples))
    assert not active_frames(samples, loudest=1e6).any()


@pytest.mark.parametrize(
    "interferers, expected",
    [
        ([(0, 16000)], 0.5),
        ([(4000, 12000)], 0.5),
        ([(8000, 16000)], 0.0),
        ([(0, 8000)], 1.0),
        ([(0, 4000), (4000, 8000)], 1.0),
    ],
)
def test_overlap(interferers, expected):
    target = tone(0, 8000)
    others = [tone(start, end) for start, end in interferers]
    assert overlap_ratio(target, *others) == pytest.approx(
        expected if interferers != [(4000, 12000)] else 1 / 3
    )


def test_a_shorter_interferer_is_silent_at_its_end():
    assert overlap_ratio(tone(0, 16000), tone(0, 4000, length=4000)) == 0.25


def test_a_constant_offset_is_no_activity():
    turns = tone(0, 8000) + 0.05, tone(8000, 16000) - 0.05
    assert overlap_ratio(*turns) == 0.0
