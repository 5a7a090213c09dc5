import itertools
import random
from functools import cache

import jiwer
import pytest

from espnet_tse.scoring.asr.wer import align_words, show_alignment


def count(reference, hypothesis):
    errors = align_words(reference.split(), hypothesis.split())
    return errors.substitutions, errors.deletions, errors.insertions, errors.num_reference


def test_known_counts():
    assert count("a b c d", "a x c") == (1, 1, 0, 4)
    assert count("e f", "e f g") == (0, 0, 1, 2)
    assert count("x", "y z") == (1, 0, 1, 1)
    pairs = [
        pair
        for texts in (("a b c d", "a x c"), ("e f", "e f g"))
        for pair in align_words(*(text.split() for text in texts)).pairs
    ]
    assert sum(reference == heard for reference, heard in pairs) == 4


def test_empty_hypothesis_is_all_deletions():
    assert count("a b c", "") == (0, 3, 0, 3)
    assert align_words(["a"], []).rate == 1.0


def test_empty_reference_is_all_insertions():
    assert count("", "a b") == (0, 0, 2, 0)


def test_nothing_said_and_nothing_heard_has_no_errors():
    assert count("", "") == (0, 0, 0, 0)


def test_characters_are_units_like_words():
    errors = align_words(list("日本語"), list("日木語だ"))
    assert (errors.errors, errors.num_reference) == (2, 3) and errors.pairs[0] == ("日", "日")


def recursive_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(
        recursive_distance(a[1:], b[1:]) + (a[0] != b[0]),
        recursive_distance(a[1:], b) + 1,
        recursive_distance(a, b[1:]) + 1,
    )


def test_least_cost_against_recursion():
    rng = random.Random(0)
    for _ in range(60):
        a, b = ([rng.choice("abc") for _ in range(rng.randrange(6))] for _ in range(2))
        errors = align_words(a, b)
        assert errors.errors == recursive_distance(a, b)
        assert [x for x, _ in errors.pairs if x is not None] == a
        assert [y for _, y in errors.pairs if y is not None] == b
        counts = [sum(x is not None and y is not None and x != y for x, y in errors.pairs)]
        counts += [sum(y is None for _, y in errors.pairs), sum(x is None for x, _ in errors.pairs)]
        assert counts == [errors.substitutions, errors.deletions, errors.insertions]


def fewest(reference, hypothesis, substitution, gap, hit):
    """Least sum of costs over all alignments, by trying every step."""

    @cache
    def least(i, j):
        steps = []
        if i < len(reference):
            steps.append(least(i + 1, j) + gap)
        if j < len(hypothesis):
            steps.append(least(i, j + 1) + gap)
        if i < len(reference) and j < len(hypothesis):
            steps.append(least(i + 1, j + 1) + (hit if reference[i] == hypothesis[j] else substitution))
        return min(steps, default=0)

    return least(0, 0)


def random_texts(count, words, longest):
    rng = random.Random(1)
    for _ in range(count):
        yield [[rng.choice(words) for _ in range(rng.randrange(1, longest))] for _ in range(2)]


@pytest.mark.parametrize("words, longest", [("ab", 12), ("abcde", 15)])
def test_most_hits_among_the_fewest_errors(words, longest):
    for reference, hypothesis in random_texts(300, words, longest):
        errors = align_words(reference, hypothesis)
        hits = errors.num_reference - errors.substitutions - errors.deletions
        # An error is worth 1000 hits, so the least sum is that of the fewest errors and of those the most hits.
        assert 1000 * errors.errors - hits == fewest(reference, hypothesis, 1000, 1000, -1)


def test_as_many_errors_as_jiwer_and_never_fewer_hits():
    """jiwer 4.0.0: ``process_words("a b", "b c")`` has two substitutions, where one word was heard rightly."""
    assert count("a b", "b c") == (0, 1, 1, 2)
    same = 0
    for reference, hypothesis in random_texts(1000, "abcdefgh", 15):
        errors = align_words(reference, hypothesis)
        theirs = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
        assert errors.errors == theirs.substitutions + theirs.deletions + theirs.insertions
        assert errors.num_reference - errors.substitutions - errors.deletions >= theirs.hits
        same += errors.substitutions == theirs.substitutions
    assert same > 850  # of random words, the hardest case; texts of a recogniser hardly ever differ


@pytest.mark.parametrize(
    "reference, hypothesis, expected",
    [
        ("the cat sat", "the cat sat", (0, 0, 0)),
        ("the cat sat", "cat sat down", (0, 1, 1)),
        ("a b c d", "b c d e", (0, 1, 1)),
        ("one two three four", "two three five four", (0, 1, 1)),
        ("one two three", "one too", (1, 1, 0)),
    ],
)
def test_split_as_sclite_counts_it(reference, hypothesis, expected):
    """sclite (SCTK) weighs a substitution as 4, a gap as 3: worked out by hand from these weights."""
    assert count(reference, hypothesis)[:3] == expected


@pytest.mark.parametrize("words", list(itertools.product(["a", "b"], repeat=2)))
def test_equal_texts_have_no_errors(words):
    assert align_words(list(words), list(words)).errors == 0


def test_alignment_is_shown():
    shown = show_alignment(align_words("one two three".split(), "one too".split()))
    assert shown == "REF: one two three\nHYP: one *** TOO"
