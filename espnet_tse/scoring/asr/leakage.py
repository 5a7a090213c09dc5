"""Words of the interferer that a recogniser hears in the estimate."""

from collections import Counter


def leaked_words(target: list[str], interferer: list[str], hypothesis: list[str]) -> tuple[int, int]:
    """Count the interferer's own words and those of them that were heard.

    Words that the target says as well are left out: they cannot be attributed. A word counts as heard at most as often as
    the interferer says it.

    Args:
        target, interferer, hypothesis: normalised words.
    Returns:
        (heard, own); no share is defined where ``own`` is 0.
    """
    said = set(target)
    own = Counter(word for word in interferer if word not in said)
    heard = own & Counter(hypothesis)
    return heard.total(), own.total()
