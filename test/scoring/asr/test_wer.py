import itertools
import random

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


@pytest.mark.parametrize("words", list(itertools.product(["a", "b"], repeat=2)))
def test_equal_texts_have_no_errors(words):
    assert align_words(list(words), list(words)).errors == 0


def test_alignment_is_shown():
    shown = show_alignment(align_words("one two three".split(), "one too".split()))
    assert shown == "REF: one two three\nHYP: one *** TOO"
