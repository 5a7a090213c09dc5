import pytest

from espnet_tse.scoring.asr.leakage import leaked_words


@pytest.mark.parametrize(
    "target, interferer, hypothesis, expected",
    [
        ("the dog", "the cat sat", "the dog", (0, 2)),
        ("the dog", "the cat sat", "the cat", (1, 2)),
        ("the dog", "the cat sat", "cat cat cat sat", (2, 2)),
        ("the dog", "cat cat", "cat cat cat", (2, 2)),
        ("the dog", "the dog", "the dog", (0, 0)),
        ("", "cat", "", (0, 1)),
    ],
)
def test_words_of_the_interferer_alone_are_counted(target, interferer, hypothesis, expected):
    assert leaked_words(target.split(), interferer.split(), hypothesis.split()) == expected


def test_the_work_grows_with_the_words_not_with_their_square():
    class Target(list):
        times_read = 0

        def __iter__(self):
            self.times_read += 1
            return super().__iter__()

    target = Target(["the", "dog"])
    leaked_words(target, ["the", "cat", "sat"], ["cat"])
    assert target.times_read == 1
