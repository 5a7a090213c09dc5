"""Mini-batches of an epoch: the same for any number of workers and processes, and after a resume."""

import numpy as np
import pytest
import torch

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.iterator import TSEIterFactory
from espnet_tse.data.mixing_conf import MixingConf


class Counting:
    """A data set whose examples tell pass and index."""

    num_samples = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]

    def __len__(self) -> int:
        return len(self.num_samples)

    def example(self, epoch: int, index: int) -> dict:
        wave = np.full(self.num_samples[index], 100 * epoch + index, np.float32)
        return {
            "key": f"{epoch}/{index}",
            "mixture": wave,
            "target": wave,
            "enrollment": wave,
            "targets": {},
        }


def keys_of(factory: TSEIterFactory, epoch: int) -> list[list[str]]:
    return [keys for keys, _ in factory.build_iter(epoch)]


def test_an_epoch_is_a_pass():
    factory = TSEIterFactory(Counting(), batch_size=3)
    first, second = keys_of(factory, 1), keys_of(factory, 2)
    assert sorted(k for batch in first for k in batch) == sorted(f"1/{i}" for i in range(10))
    assert sorted(k for batch in second for k in batch) == sorted(f"2/{i}" for i in range(10))
    assert [[k[2:] for k in batch] for batch in first] != [[k[2:] for k in batch] for batch in second]
    assert keys_of(TSEIterFactory(Counting(), batch_size=3), 2) == second  # resumed: nothing else was drawn
    assert keys_of(TSEIterFactory(Counting(), batch_size=3, seed=1), 2) != second


def test_an_epoch_is_continued():
    factory = TSEIterFactory(Counting(), batch_size=3)
    later = [keys for keys, _ in factory.build_iter(2, first_batch=2)]
    assert later == keys_of(factory, 2)[2:] and len(later) == 2


def test_slices_of_passes():
    factory = TSEIterFactory(Counting(), batch_size=3, num_iters_per_epoch=3)
    epochs = [keys_of(factory, epoch) for epoch in range(1, 6)]
    assert [len(epoch) for epoch in epochs] == [3] * 5
    seen = [k for epoch in epochs for batch in epoch for k in batch]
    assert len(seen) == len(set(seen))
    assert sorted(k for k in seen if k.startswith("1/")) == sorted(f"1/{i}" for i in range(10))
    assert keys_of(TSEIterFactory(Counting(), batch_size=3, num_iters_per_epoch=3), 4) == epochs[3]


def test_validation_repeats_itself():
    factory = TSEIterFactory(Counting(), batch_samples=30, shuffle=False, same_every_epoch=True)
    assert keys_of(factory, 1) == keys_of(factory, 7)


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_batches_of_one(world_size):
    alone = keys_of(TSEIterFactory(Counting(), batch_size=4), 3)
    dealt = [
        keys_of(TSEIterFactory(Counting(), batch_size=4, rank=r, world_size=world_size), 3)
        for r in range(world_size)
    ]
    assert all(part for parts in zip(*dealt) for part in parts)
    # 10 rows in batches of 4 leave 2: too few for three processes, so they get one of the batch before.
    together = [sorted(k for part in parts for k in part) for parts in zip(*dealt)]
    if world_size == 2:
        assert together == [sorted(batch) for batch in alone]
    assert sorted(sum(together, [])) == sorted(sum(alone, []))


def test_workers_change_nothing(dirs):
    directory = dirs.source({"a": [4000, 5000], "b": [3000, 6000], "c": [4000, 4500]})
    batches = []
    for num_workers in (0, 2):
        dataset = DynamicMixingDataset(directory, MixingConf(), crop_s=0.4)
        factory = TSEIterFactory(dataset, batch_size=2, num_workers=num_workers)
        batches.append([batch for epoch in (1, 2) for batch in factory.build_iter(epoch)])
    for (keys, first), (other_keys, second) in zip(*batches, strict=True):
        assert keys == other_keys
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 2, "rank": 2, "world_size": 2}, "rank 2 of 2 processes"),
        ({"batch_size": 2, "num_iters_per_epoch": 0}, "num_iters_per_epoch must be at least 1"),
        ({}, "give batch_size or batch_samples"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        TSEIterFactory(Counting(), **options)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_opening_an_epoch_draws_nothing(num_workers):
    """A training that resumes inside an epoch restores the state of torch's generator."""
    factory = TSEIterFactory(Counting(), batch_size=2, num_workers=num_workers)
    before = torch.get_rng_state()
    next(iter(factory.build_iter(1)))
    assert torch.equal(torch.get_rng_state(), before)
