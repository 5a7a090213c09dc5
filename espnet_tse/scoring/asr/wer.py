"""Word errors of one utterance: alignment of reference and hypothesis."""

from dataclasses import dataclass
from itertools import zip_longest

from jiwer import ReduceToListOfListOfWords, process_words

_SPLIT = ReduceToListOfListOfWords(" ")  # and no other change: texts are normalised before


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
    """Alignment with the fewest errors (Levenshtein, unit costs), by jiwer.

    Of several alignments with the fewest errors one is taken; ``errors`` does not depend on which. An empty
    reference gives insertions only and has no ``rate``: corpus rates leave such utterances out.

    Args:
        reference, hypothesis: words, or characters; none may hold a blank.
    """
    # In a stretch of errors jiwer puts substitutions before gaps; read backwards, the gap comes first, as
    # align_<tag>.txt has always shown it.
    texts = [" ".join(reversed(words)) for words in (reference, hypothesis)]
    output = process_words(*texts, reference_transform=_SPLIT, hypothesis_transform=_SPLIT)
    backwards = [
        pair
        for chunk in output.alignments[0]
        for pair in zip_longest(
            output.references[0][chunk.ref_start_idx : chunk.ref_end_idx],
            output.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx],
        )
    ]
    return WordErrors(
        substitutions=output.substitutions,
        deletions=output.deletions,
        insertions=output.insertions,
        num_reference=len(reference),
        pairs=tuple(reversed(backwards)),
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
