"""95 % confidence intervals by percentile bootstrap (Efron), the same draws for every metric and system."""

from functools import lru_cache
from typing import Iterable, Sequence

import numpy as np

DRAWS = 1000
PERCENTILES = (2.5, 97.5)
BLOCK = 1 << 21  # indices drawn at once, 16 MiB: memory does not grow with the test set
HELD = 1 << 22  # indices of a test set that are kept for its next metric; of larger ones they are drawn again


def _blocks(count: int) -> Iterable[np.ndarray]:
    """(n, count) indices, n resampled test sets, of ``DRAWS`` in all."""
    return _held(count) if DRAWS * count <= HELD else _drawn(count)


@lru_cache(maxsize=4)
def _held(count: int) -> list[np.ndarray]:
    return list(_drawn(count))


def _drawn(count: int) -> Iterable[np.ndarray]:
    generator, rows = np.random.default_rng(0), max(1, BLOCK // count)
    for begin in range(0, DRAWS, rows):
        yield generator.integers(0, count, (min(rows, DRAWS - begin), count))


def interval_of_ratio(
    numerators: Sequence[float], denominators: Sequence[float], clusters: Sequence[str] | None = None
) -> list[float] | None:
    """Interval of sum(numerators) / sum(denominators); with all denominators 1 that of a mean.

    Args:
        numerators: one value an utterance.
        denominators: positive, same length.
        clusters: speaker of each utterance, to resample speakers instead of utterances.
    Returns:
        [low, high], or None when there are fewer than two units to resample.
    """
    top, bottom = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if clusters is not None:
        _, index = np.unique(np.asarray(clusters), return_inverse=True)
        top, bottom = np.bincount(index, top), np.bincount(index, bottom)
    if len(top) < 2:
        return None
    rates = np.concatenate(
        [top[draws].sum(axis=1) / bottom[draws].sum(axis=1) for draws in _blocks(len(top))]
    )
    return [float(x) for x in np.percentile(rates, PERCENTILES)]


def interval_of_mean(values: Sequence[float], clusters: Sequence[str] | None = None) -> list[float] | None:
    """Interval of the mean of ``values``; see ``interval_of_ratio``."""
    return interval_of_ratio(values, np.ones(len(values)), clusters)
