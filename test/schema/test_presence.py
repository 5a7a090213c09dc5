from dataclasses import asdict

import pytest

from espnet_tse.schema.presence import Presence, PresenceThreshold

THRESHOLD = PresenceThreshold("similarity", 0.75, 0.17, 0.08, 60, 240)
MEASURED = {"enrollment_s": 4.2, "speech_s": 3.4, "similarity": 0.86, "level_db": -4.4}


def test_a_threshold_comes_back():
    assert PresenceThreshold.from_json(asdict(THRESHOLD)) == THRESHOLD


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"measure": "loudness"}, "measure is 'loudness'"),
        ({"threshold": "x"}, "threshold is 'x'"),
        ({"more": 1}, "wants measure"),
    ],
)
def test_what_is_no_threshold_is_refused(change, fault):
    with pytest.raises(ValueError, match=fault):
        PresenceThreshold.from_json({**asdict(THRESHOLD), **change})


@pytest.mark.parametrize(
    "present, threshold, said",
    [
        (None, None, "output against it: similarity 0.86, level -4 dB"),
        (
            None,
            THRESHOLD,
            "cannot be said of less than 2 s of speech or of mixture (similarity 0.86, level -4 dB)",
        ),
        (True, THRESHOLD, "likely (similarity 0.86, level -4 dB; wrong for 8 % of test mixtures without it)"),
        (
            False,
            THRESHOLD,
            "unlikely (similarity 0.86, level -4 dB; wrong for 17 % of test mixtures with it)",
        ),
    ],
)
def test_the_sentence_says_how_often_it_is_wrong(present, threshold, said):
    sentence = Presence(**MEASURED, present=present).sentence(threshold)
    assert sentence.startswith("enrollment: 4.2 s, 81 % speech; ") and sentence.endswith(said)
