"""ESPnet iterator factory over the TSE data sets; equal examples for any number of workers and processes."""

import multiprocessing
from typing import Iterator, Mapping, Protocol

import numpy as np
import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from torch.utils.data import DataLoader, Dataset

from espnet_tse.data.batching import make_batches
from espnet_tse.data.collate import TSECollate
from espnet_tse.io.exit_code import OUT_OF_MEMORY
from espnet_tse.io.parent_process import end_with_parent
from espnet_tse.io.scp import DataError

ORDER_STREAM = 0x0E0E  # keeps the draws of the order apart from those of the examples


class ExampleSource(Protocol):
    """What ``DynamicMixingDataset`` and ``StaticDataset`` have in common."""

    num_samples: list[int]

    def __len__(self) -> int: ...

    def example(self, epoch: int, index: int) -> dict: ...


class _KeyedExamples(Dataset):
    """Torch's view of a data set: an item is asked for by (pass, index)."""

    def __init__(self, dataset: ExampleSource):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, item: tuple[int, int]) -> dict:
        return self.dataset.example(*item)


def _start_worker(_worker: int) -> None:
    end_with_parent(multiprocessing.parent_process().pid)
    # A worker that opens a thread pool of its own starves its siblings.
    torch.set_num_threads(1)


class _WatchedLoader(DataLoader):
    """A loader whose workers' errors are reported as those of the main process."""

    def __iter__(self):
        return self._watched(super().__iter__())

    @staticmethod
    def _watched(batches: Iterator) -> Iterator:
        try:
            yield from batches
        except DataError as error:
            # Torch wraps the traceback of the worker round the message, which is its last line.
            raise DataError(str(error).strip().split("\n")[-1].split("DataError: ")[-1]) from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            # Torch's handler of the signal says which one it was, in the error itself or in its cause.
            is_killed = "by signal: Killed" in f"{error} {error.__cause__}"
            cause = "was killed (signal 9)" if is_killed else f"died ({' '.join(str(error).split())})"
            raise DataError(
                f"a process that prepares batches {cause}: {OUT_OF_MEMORY}; lower num_workers or set "
                "cache_audio: false; the same command goes on from the last checkpoint."
            ) from error


class TSEIterFactory(AbsIterFactory):
    """Mini-batches of an epoch.

    A *pass* goes through the whole set once. Without ``num_iters_per_epoch`` epoch e is pass e; with it
    an epoch is a slice of the endless row of passes. Examples are keyed by pass, so none repeats.
    """

    def __init__(
        self,
        dataset: ExampleSource,
        batch_size: int | None = None,
        batch_samples: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        num_workers: int = 0,
        rank: int = 0,
        world_size: int = 1,
        num_iters_per_epoch: int | None = None,
        frame_rates: Mapping[str, float | None] | None = None,
        same_every_epoch: bool = False,
        pin_memory: bool = False,
    ):
        """
        Args:
            dataset: where examples come from.
            batch_size: rows a mini-batch over all processes, or
            batch_samples: rows x longest row a mini-batch over all processes.
            rank, world_size: this process gets ``batch[rank::world_size]`` of each mini-batch.
            num_iters_per_epoch: mini-batches an epoch, None for a whole pass.
            frame_rates: stream -> Hz, see ``TSECollate``.
            same_every_epoch: validation: every epoch is pass 1.
        Raises:
            ValueError: sizes or ranks make no sense, or the set is smaller than ``world_size``.
        """
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size} processes")
        if num_iters_per_epoch is not None and num_iters_per_epoch < 1:
            raise ValueError(f"num_iters_per_epoch must be at least 1, got {num_iters_per_epoch}")
        self.dataset, self.seed, self.shuffle = dataset, seed, shuffle
        self.batch_size, self.batch_samples = batch_size, batch_samples
        self.num_workers, self.rank, self.world_size = num_workers, rank, world_size
        self.num_iters_per_epoch, self.same_every_epoch = num_iters_per_epoch, same_every_epoch
        self.collate = TSECollate(frame_rates)
        self.pin_memory = pin_memory
        self._pass_sizes: list[int] = []  # mini-batches of the passes so far
        self._batches_of_pass(1, shuffle)  # wrong sizes show now and not in the first epoch

    def _batches_of_pass(self, number: int, shuffle: bool) -> list[list[tuple[int, int]]]:
        generator = np.random.default_rng([self.seed, ORDER_STREAM, number]) if shuffle else None
        batches = make_batches(
            self.dataset.num_samples, self.batch_size, self.batch_samples, self.world_size, generator
        )
        return [[(number, index) for index in batch] for batch in batches]

    def batches(self, epoch: int, shuffle: bool | None = None) -> list[list[tuple[int, int]]]:
        """The mini-batches of an epoch over all processes, as (pass, index) pairs.

        Args:
            epoch: from 1, as ESPnet counts.
        """
        shuffle = self.shuffle if shuffle is None else shuffle
        if self.same_every_epoch:
            epoch = 1
        if self.num_iters_per_epoch is None:
            return self._batches_of_pass(epoch, shuffle)
        first = (epoch - 1) * self.num_iters_per_epoch
        last = first + self.num_iters_per_epoch
        chosen: list[list[tuple[int, int]]] = []
        begin, number = 0, 0
        while begin < last:
            number += 1
            if len(self._pass_sizes) >= number and begin + self._pass_sizes[number - 1] <= first:
                begin += self._pass_sizes[number - 1]
                continue
            batches = self._batches_of_pass(number, shuffle)
            if len(self._pass_sizes) < number:
                self._pass_sizes.append(len(batches))
            chosen.extend(batches[max(0, first - begin) : max(0, last - begin)])
            begin += len(batches)
        return chosen

    def build_iter(self, epoch: int, shuffle: bool | None = None, first_batch: int = 0) -> Iterator:
        """The mini-batches of this process: (keys, tensors), see ``TSECollate``.

        Args:
            first_batch: where in the epoch to begin, for a training that goes on.
        """
        batches = self.batches(epoch, shuffle)[first_batch:]
        dealt = [batch[self.rank :: self.world_size] for batch in batches]
        return _WatchedLoader(
            _KeyedExamples(self.dataset),
            batch_sampler=dealt,
            collate_fn=self.collate,
            num_workers=self.num_workers,
            pin_memory=self.pin_memory,
            worker_init_fn=_start_worker if self.num_workers else None,
            # A loader draws seeds of its workers when it is opened, and torch's generator is the training's.
            generator=torch.Generator().manual_seed(self.seed),
        )
