"""Which examples form a mini-batch."""

import numpy as np
import pytest

from espnet_tse.data.batching import make_batches

LENGTHS = np.random.default_rng(0).integers(100, 1000, 203).tolist()


@pytest.mark.parametrize("sizes", [(16, None), (None, 5000)])
@pytest.mark.parametrize("min_rows", [1, 3])
@pytest.mark.parametrize("shuffled", [True, False])
def test_every_index_once_and_no_batch_too_small(sizes, min_rows, shuffled):
    generator = np.random.default_rng(1) if shuffled else None
    batches = make_batches(LENGTHS, *sizes, min_rows, generator)
    assert sorted(i for batch in batches for i in batch) == list(range(len(LENGTHS)))
    assert min(map(len, batches)) >= min_rows


def test_more_processes_move_the_rows_that_they_lack_and_no_others():
    # 12 batches of 16 and one row, which gets two of the batch before it.
    alone, dealt = (make_batches(LENGTHS[:193], 16, None, rows, np.random.default_rng(1)) for rows in (1, 3))
    changed = [pair for pair in zip(alone, dealt, strict=True) if pair[0] != pair[1]]
    assert sorted((len(one), len(other)) for one, other in changed) == [(1, 3), (16, 14)]


def test_budget_of_samples_counts_the_padding():
    batches = make_batches(LENGTHS, None, 5000, 1, np.random.default_rng(1))
    assert max(len(batch) * max(LENGTHS[i] for i in batch) for batch in batches) <= 5000
    assert [0] in make_batches([9000, 10, 10], None, 5000)  # longer than the budget: a batch of its own


def test_batch_mates_are_of_similar_length_yet_change():
    first, second = (make_batches(LENGTHS, 16, None, 1, np.random.default_rng(seed)) for seed in (1, 2))
    spread = np.mean([np.ptp([LENGTHS[i] for i in batch]) for batch in first])
    assert spread < 0.35 * np.ptp(LENGTHS)
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}


@pytest.mark.parametrize(
    "args, message",
    [
        ((None, None), "give batch_size or batch_samples"),
        ((3, 4), "give batch_size or batch_samples"),
        ((0, None), "cannot be of size 0"),
        ((4, None, 300), "203 examples cannot be dealt to 300 processes"),
    ],
)
def test_sizes_that_make_no_sense(args, message):
    with pytest.raises(ValueError, match=message):
        make_batches(LENGTHS, *args)
