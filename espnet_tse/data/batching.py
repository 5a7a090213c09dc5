"""Which examples form a mini-batch: similar lengths together, shuffled by (seed, pass)."""

import numpy as np

from espnet_tse.io.scp import DataError

JITTER = 0.1  # share by which lengths are blurred before sorting, so that batch mates change


def make_batches(
    lengths: list[int],
    batch_size: int | None,
    batch_samples: int | None,
    min_rows: int = 1,
    generator: np.random.Generator | None = None,
) -> list[list[int]]:
    """Every index once, in batches of similar length.

    Args:
        lengths: samples of each example.
        batch_size: rows a batch, or
        batch_samples: rows x longest row of a batch, at most (a single longer example forms its own).
        min_rows: no batch has fewer; a smaller one gets rows of the next longer one, so that as many batches lie at the
            same places for any ``min_rows``, unless the rows do not suffice for so many.
        generator: shuffles; None keeps the order of the lengths, longest first, which shows a shortage
            of memory at once.
    Raises:
        ValueError: not exactly one of the two sizes is given, or there are fewer examples than min_rows.
    """
    if (batch_size is None) == (batch_samples is None):
        raise ValueError(f"give batch_size or batch_samples, got {batch_size} and {batch_samples}")
    size = batch_samples if batch_size is None else batch_size
    if size < 1:
        raise ValueError(f"a batch cannot be of size {size}")
    if len(lengths) < min_rows:
        raise DataError(
            f"{len(lengths)} examples cannot be dealt to {min_rows} processes; take fewer processes "
            "(--num_procs), or add rows."
        )
    blurred = np.asarray(lengths, dtype=np.float64)
    if generator is not None:
        blurred = blurred * generator.uniform(1 - JITTER, 1 + JITTER, len(lengths))
    order = np.argsort(-blurred, kind="stable").tolist()
    ends: list[int] = []  # of the batches, in this order
    start, longest = 0, 0
    for place, index in enumerate(order):
        longest = max(longest, lengths[index])
        rows = place - start
        if rows and (rows >= batch_size if batch_size else (rows + 1) * longest > batch_samples):
            ends.append(place)
            start, longest = place, lengths[index]
    ends.append(len(order))
    for place in reversed(range(len(ends) - 1)):
        ends[place] = min(ends[place], ends[place + 1] - min_rows)
    ends = [end for end in ends if end >= min_rows]
    batches = [order[start:end] for start, end in zip([0, *ends], ends)]
    if generator is not None:
        generator.shuffle(batches)
    return batches
