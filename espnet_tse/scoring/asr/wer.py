"""Word errors of one utterance: alignment of reference and hypothesis."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class WordErrors:
    """Errors of one utterance; ``pairs`` is the alignment, None standing for a gap."""

    substitutions: int
    deletions: int
    insertions: int
    num_reference: int
    pairs: tuple[tuple[str | None, str | None], ...]

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors / reference words; the reference must not be empty."""
        return self.errors / self.num_reference


def align_words(reference: list[str], hypothesis: list[str]) -> WordErrors:
    """Alignment with the fewest errors (Levenshtein, unit costs), and of those one with the most hits.

    Errors and hits together fix how many substitutions, deletions and insertions there are: the split does not
    depend on the order in which an algorithm tries them. An empty reference gives insertions only and has no
    ``rate``: corpus rates leave such utterances out.

    Args:
        reference, hypothesis: words, or characters.
    """
    pairs = _pairs(reference, hypothesis)
    return WordErrors(
        substitutions=sum(None not in pair and pair[0] != pair[1] for pair in pairs),
        deletions=sum(heard is None for _, heard in pairs),
        insertions=sum(word is None for word, _ in pairs),
        num_reference=len(reference),
        pairs=tuple(pairs),
    )


def _weights(reference: list[str], hypothesis: list[str]) -> tuple[int, int]:
    """Integer costs of a substitution and of a gap whose sum is least where errors, then misses are fewest.

    With E errors, H hits, S substitutions and G gaps, 2 H + 2 S + G is the number of words on both sides, a
    constant. So 2 (K E - H) = (2 K + 2) S + (2 K + 1) G up to that constant, and K above any H puts E first.
    """
    scale = 2 * (min(len(reference), len(hypothesis)) + 1)
    return scale + 2, scale + 1


def _costs(reference: list[str], hypothesis: list[str]) -> np.ndarray:
    """Least cost of the first i and the first j words, (len(reference) + 1, len(hypothesis) + 1)."""
    substitution, gap = _weights(reference, hypothesis)
    numbers = {word: number for number, word in enumerate({*reference, *hypothesis})}
    heard = np.array([numbers[word] for word in hypothesis], dtype=np.int64)
    insertions = gap * np.arange(len(hypothesis) + 1)
    costs = np.empty((len(reference) + 1, len(hypothesis) + 1), dtype=np.int64)
    costs[0] = insertions
    for i, word in enumerate(reference, 1):
        costs[i] = costs[i - 1] + gap
        matched = costs[i - 1, :-1] + np.where(heard == numbers[word], 0, substitution)
        np.minimum(costs[i, 1:], matched, out=costs[i, 1:])
        # A row of insertions after the best of what lies to the left, all columns at once.
        costs[i] = np.minimum.accumulate(costs[i] - insertions) + insertions
    return costs


def _pairs(reference: list[str], hypothesis: list[str]) -> list[tuple[str | None, str | None]]:
    """The alignment, found from its end: of equally good steps a pair is taken last, so that gaps come first."""
    costs = _costs(reference, hypothesis)
    substitution, gap = _weights(reference, hypothesis)
    pairs: list[tuple[str | None, str | None]] = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        both = i and j and costs[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]) * substitution
        if i and j and both == costs[i, j]:
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif i and costs[i - 1, j] + gap == costs[i, j]:
            i -= 1
            pairs.append((reference[i], None))
        else:
            j -= 1
            pairs.append((None, hypothesis[j]))
    return pairs[::-1]


def show_alignment(errors: WordErrors) -> str:
    """Two lines, words above each other, ``***`` for a gap."""
    top, bottom = [], []
    for word, other in errors.pairs:
        word, other = word or "***", other or "***"
        width = max(len(word), len(other))
        top.append(word.ljust(width))
        bottom.append((other.upper() if word != other and other != "***" else other).ljust(width))
    return f"REF: {' '.join(top).rstrip()}\nHYP: {' '.join(bottom).rstrip()}"
