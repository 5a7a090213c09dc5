"""Word errors: alignment by edit distance and the corpus rate."""

from dataclasses import dataclass


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
    """Levenshtein alignment with unit costs; among equal ones substitutions are preferred to gap pairs."""
    rows, columns = len(reference), len(hypothesis)
    costs = [list(range(columns + 1))]
    for i, word in enumerate(reference, 1):
        above, row = costs[-1], [i]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(above[j - 1] + (word != other), above[j] + 1, row[j - 1] + 1))
        costs.append(row)
    pairs: list[tuple[str | None, str | None]] = []
    i, j = rows, columns
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
            pairs.append((reference[i], None))
        else:
            j -= 1
            pairs.append((None, hypothesis[j]))
    pairs.reverse()
    return WordErrors(
        substitutions=sum(a is not None and b is not None and a != b for a, b in pairs),
        deletions=sum(b is None for _, b in pairs),
        insertions=sum(a is None for a, _ in pairs),
        num_reference=rows,
        pairs=tuple(pairs),
    )


def show_alignment(errors: WordErrors) -> str:
    """Two lines, words above each other, ``***`` for a gap."""
    top, bottom = [], []
    for word, other in errors.pairs:
        word, other = word or "***", other or "***"
        width = max(len(word), len(other))
        top.append(word.ljust(width))
        bottom.append((other.upper() if word != other and other != "***" else other).ljust(width))
    return f"REF: {' '.join(top).rstrip()}\nHYP: {' '.join(bottom).rstrip()}"
