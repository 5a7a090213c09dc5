import torch
from factories import make_conditions, make_frames

from espnet_tse.layers.condition_sequence import join_conditions, mean_enrollment, mixture_at
from espnet_tse.layers.joining import join_left_padded


def test_rows_are_joined_without_gaps_and_end_together():
    first, second = make_frames([2, 4]), make_frames([3, 1], seed=1)
    values, padding = join_left_padded([(f.values, f.padding_mask) for f in (first, second)])
    assert values.shape == (2, 5, 16) and padding.tolist() == [[False] * 5, [False] * 5]
    torch.testing.assert_close(values[0], torch.cat([first.values[0, :2], second.values[0, :3]]))
    torch.testing.assert_close(values[1], torch.cat([first.values[1, :4], second.values[1, :1]]))


def test_shorter_rows_are_padded_in_front_with_zeros():
    first, second = make_frames([2, 4]), make_frames([1, 3], seed=1)
    values, padding = join_left_padded([(f.values, f.padding_mask) for f in (first, second)])
    assert padding[0].tolist() == [True] * 4 + [False] * 3 and not values[0, :4].any()
    torch.testing.assert_close(values[0, 4:], torch.cat([first.values[0, :2], second.values[0, :1]]))


def conditions():
    return make_conditions(make_frames([4, 8]), make_frames([3, 2], seed=1, frame_rate=31.25))


def test_times_put_the_mixture_at_zero_and_the_enrollment_before():
    joined = join_conditions(conditions(), torch.ones(16), frame_rate=25.0, lead=torch.zeros(16))
    row = joined.positions[1][~joined.padding[1]]
    torch.testing.assert_close(row[-8:], torch.arange(8) * 0.4)
    assert (row[:-8] < 0).all() and (row.diff() > 0).all()
    torch.testing.assert_close(joined.values[1, -9], torch.ones(16))  # the separator
    assert int((~joined.padding[0]).sum()) == 1 + 3 + 1 + 4


def test_aligned_frames_are_those_of_the_same_time():
    given = conditions()
    aligned = mixture_at(given, 4, frame_rate=31.25)
    torch.testing.assert_close(aligned[1], given.streams["mixture"].values[1, [0, 2, 4, 6]])
    torch.testing.assert_close(
        aligned[0, 3], given.streams["mixture"].values[0, 3]
    )  # behind the end: the last frame


def test_mean_enrollment_ignores_padding():
    given = conditions()
    torch.testing.assert_close(
        mean_enrollment(given)[1, 0], given.streams["enrollment"].values[1, :2].mean(0)
    )
