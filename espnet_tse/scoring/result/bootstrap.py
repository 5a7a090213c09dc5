"""95 % confidence intervals by percentile bootstrap (Efron), the same draws for every metric and system."""

from functools import lru_cache
from typing import Sequence

import numpy as np

DRAWS = 1000
PERCENTILES = (2.5, 97.5)


@lru_cache(maxsize=4)
def _draws(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))


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
    draws = _draws(len(top))
    rates = top[draws].sum(axis=1) / bottom[draws].sum(axis=1)
    return [float(x) for x in np.percentile(rates, PERCENTILES)]


def interval_of_mean(values: Sequence[float], clusters: Sequence[str] | None = None) -> list[float] | None:
    """Interval of the mean of ``values``; see ``interval_of_ratio``."""
    return interval_of_ratio(values, np.ones(len(values)), clusters)
