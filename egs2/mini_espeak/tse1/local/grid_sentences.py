"""Sentences of the form of the GRID corpus: command colour preposition letter digit adverb."""

import itertools
import random

# The vocabulary of Cooke et al., "An audio-visual corpus for speech perception and automatic speech
# recognition", JASA 120(5), 2006, Table I; W is left out there for its three syllables.
COMMANDS = ["bin", "lay", "place", "set"]
COLOURS = ["blue", "green", "red", "white"]
PREPOSITIONS = ["at", "by", "in", "with"]
LETTERS = list("abcdefghijklmnopqrstuvxyz")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ADVERBS = ["again", "now", "please", "soon"]


def all_sentences(seed: int) -> list[str]:
    """All 64,000 sentences in an order that the seed decides; take slices of it for disjoint sets."""
    words = itertools.product(COMMANDS, COLOURS, PREPOSITIONS, LETTERS, DIGITS, ADVERBS)
    sentences = [" ".join(sentence) for sentence in words]
    random.Random(seed).shuffle(sentences)
    return sentences


def spoken_form(sentence: str) -> str:
    """The text for the synthesiser: a letter is spelled, the lone "a" must not become an article."""
    words = sentence.split()
    words[3] = "[[eI]]" if words[3] == "a" else words[3].upper()
    return " ".join(words)
