"""Batches in pieces that fit into memory."""

import contextlib
import logging
from typing import Any, Callable, Iterator

import torch
from torch import Tensor

from espnet_tse.io.scp import DataError
from espnet_tse.train.processes import largest

Batch = tuple[list[str], dict[str, Tensor]]  # keys and padded tensors by name, a row of each a key

# Samples of these are frames of one sequence, or as good as that: they take memory together.
SIGNALS = ("speech_mix", "enroll_ref1", "waveform")


class TrainingStopped(DataError):
    """Going on would be of no use."""


class Memory:
    """What a process computes at once: a budget, lowered by shortages, and the sizes that went through."""

    def __init__(self, max_piece_s: float | None, sample_rate: int):
        """
        Args:
            max_piece_s: seconds, padding included; None for whole batches.
            sample_rate: Hz, of the signals.
        """
        self.sample_rate = sample_rate
        self.max_samples = None if max_piece_s is None else round(max_piece_s * sample_rate)
        self.held: list[tuple[int, ...]] = []  # the largest sizes that have gone through

    def pieces(self, window: list[Batch], rows: int | None = None) -> list[Batch]:
        """All batches in pieces of at most ``rows`` rows; of as many as fit when None."""
        return [piece for batch in window for piece in split_rows(batch, rows or self._rows_that_fit(batch))]

    def _rows_that_fit(self, batch: Batch) -> int:
        if self.max_samples is None:
            return len(batch[0])
        return max(1, self.max_samples // padded_samples(batch))

    def has_held(self, piece: Batch) -> bool:
        """Whether a piece that was at least as large in every respect has gone through."""
        return any(all(a >= b for a, b in zip(held, size_of(piece))) for held in self.held)

    def note(self, piece: Batch) -> None:
        """Remember a piece that has gone through."""
        if not self.has_held(piece):
            size = size_of(piece)
            self.held = [held for held in self.held if any(a > b for a, b in zip(held, size))] + [size]

    def shrink(self, piece: Batch, shortage: str) -> None:
        """Lower the budget to half of ``piece``, which did not fit.

        Raises:
            TrainingStopped: it was a single row.
        """
        rows, samples = len(piece[0]), padded_samples(piece)
        seconds = samples / self.sample_rate
        if rows == 1:
            raise TrainingStopped(
                f"{piece[0][0]} alone ({seconds:.1f} s) does not fit into memory ({shortage}); "
                "lower --crop_s or --enrollment_s, or set --activation_checkpointing true."
            )
        self.max_samples = rows // 2 * samples
        # A size that went through once need not do so again.
        self.held = [size for size in self.held if size[0] * sum(size[1:]) <= self.max_samples]
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        logging.warning(
            f"out of memory at {rows} rows of {seconds:.1f} s ({shortage}); batches are "
            f"split into pieces of {rows // 2} such rows from here. --max_piece_s "
            f"{self.max_samples / self.sample_rate:.0f} does so from the start."
        )


def within_memory(
    memory: Memory,
    window: list[Batch],
    work: Callable,
    clear: Callable = lambda: None,
    keep_last: bool = False,
) -> tuple[list, Batch]:
    """``work`` of every piece of ``window`` but a last one that is kept; after a shortage all over again.

    Args:
        clear: undoes what a start that broke off has left.
    Returns:
        the results, and the last piece.
    Raises:
        TrainingStopped: a single row does not fit.
    """
    while True:
        clear()
        pieces, results = memory.pieces(window), []
        for piece in pieces[:-1] if keep_last else pieces:
            result = attempt(memory, piece, work)
            if result is None:
                break
            results.append(result)
        else:
            return results, pieces[-1]


def attempt(memory: Memory, piece: Batch, work: Callable) -> Any | None:
    """``work(piece)``; None after a shortage of memory, which lowers the budget."""
    try:
        return work(piece)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        shortage = str(error).splitlines()[0]
    # Here the frames that the exception held, and their tensors, are gone.
    memory.shrink(piece, shortage)
    return None


@contextlib.contextmanager
def refuse_shortage(memory: Memory, piece: Batch) -> Iterator[None]:
    """Around what cannot be done again: raise ``TrainingStopped`` for a shortage of memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        seconds = len(piece[0]) * padded_samples(piece) / memory.sample_rate
        raise TrainingStopped(
            "out of memory in the exchange of gradients, at a size that went through before "
            f"({str(error).splitlines()[0]}); start the same command again with --max_piece_s below "
            f"{seconds:.0f}: it goes on from the last checkpoint."
        ) from error


def equally_many(pieces: list[Batch]) -> list[tuple[Batch, float]]:
    """Pieces and their share in a mean, as many in every process: the last again, without a share."""
    missing = largest(len(pieces)) - len(pieces)
    return [*((piece, 1.0) for piece in pieces), *[(pieces[-1], 0.0)] * missing]


def size_of(piece: Batch) -> tuple[int, ...]:
    """Rows, and samples a row of each signal."""
    keys, data = piece
    return len(keys), *(data[name].size(1) if name in data else 0 for name in SIGNALS)


def padded_samples(batch: Batch) -> int:
    """Samples a row of all signals, padding included."""
    return sum(size_of(batch)[1:])


def split_rows(batch: Batch, rows: int) -> list[Batch]:
    """A batch as pieces of at most ``rows`` rows; what is not one value a row goes into each."""
    keys, data = batch
    if len(keys) <= rows:
        return [batch]
    pieces = []
    for begin in range(0, len(keys), rows):
        part = slice(begin, begin + rows)
        cut = {name: value[part] if len(value) == len(keys) else value for name, value in data.items()}
        pieces.append((keys[part], cut))
    return pieces


def is_out_of_memory(error: BaseException) -> bool:
    """A shortage of memory, of a GPU or of processors."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error) or "out of memory" in str(error)
