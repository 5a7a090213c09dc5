"""Whether one of two systems is better on the same utterances: interval and p-value of the difference."""

from dataclasses import dataclass
from typing import Sequence

import numpy as np
from scipy.stats import permutation_test

from espnet_tse.scoring.result.bootstrap import BLOCK, interval_of_ratio

FLIPS = 10_000
EXACT_UP_TO = 13  # units; 2^13 sign patterns are fewer than FLIPS, and scipy takes them all


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two rates (or means) over the same units, second minus first."""

    difference: float
    ci95: list[float] | None  # None: a single unit
    p_value: float
    pairs: int


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    weights: Sequence[float] | None = None,
    clusters: Sequence[str] | None = None,
) -> PairedDifference:
    """Compare paired values.

    Args:
        first, second: a value of each utterance; with ``weights`` a count, as word errors.
        weights: number of words of each utterance; default 1 each, then the rates are means.
        clusters: speaker of each utterance: speakers are resampled and flipped instead of utterances.
    """
    difference = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    weight = np.ones(len(difference)) if weights is None else np.asarray(weights, np.float64)
    return PairedDifference(
        float(difference.sum() / weight.sum()),
        interval_of_ratio(difference, weight, clusters),
        sign_flip_p_value(difference, clusters),
        len(difference),
    )


def sign_flip_p_value(differences: np.ndarray, clusters: Sequence[str] | None = None) -> float:
    """Two-sided p-value of the hypothesis that each unit's difference is equally likely to have either sign.

    All sign patterns for up to 13 units, else 10 000 random ones (Fisher's randomisation test, by scipy; the
    observed pattern is counted among them, so the value is never 0).
    """
    if clusters is not None:
        _, index = np.unique(np.asarray(clusters), return_inverse=True)
        differences = np.bincount(index, differences)
    count = len(differences)
    if count < 2:
        return 1.0  # both signs of a single difference are as far from 0; scipy refuses it
    drawn = permutation_test(
        (differences,),
        lambda signed, axis: signed.sum(axis=axis),
        permutation_type="samples",  # of one sample: its signs
        vectorized=True,
        n_resamples=FLIPS,
        batch=min(
            FLIPS // 10, max(1, BLOCK // count)
        ),  # of 3000 utterances all signs at once would be 240 MB
        rng=np.random.default_rng(0),
    )
    # scipy's tolerance for ties is relative to the observed sum, which may be next to 0.
    tolerance = 1e-9 * np.abs(differences).sum()
    far = int((np.abs(drawn.null_distribution) >= abs(drawn.statistic) - tolerance).sum())
    if count <= EXACT_UP_TO:
        return far / len(drawn.null_distribution)
    return (far + 1) / (FLIPS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for testing several hypotheses at once (Holm, 1979), in the given order."""
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = float(highest)
    return corrected
