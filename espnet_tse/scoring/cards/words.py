"""Recognisers, and what their columns are."""

from espnet_tse.scoring.card import Measure

MEASURES = [
    Measure(
        "pocketsphinx",
        1,
        "words",
        {"model": "en-us", "reinit": "every utterance", "maxhmmpf": 3000, "maxwpf": 5},
        ("pocketsphinx",),
        ("pocketsphinx",),
        cost_ms=1500,
    ),
]

# WER columns are made per recogniser (``wer_<tag>``), so they have no fixed card; what they are is
# said here once for the documents.
WER_TEXT = {
    "wer_<tag>": "corpus word error rate (S+D+I)/N of the recogniser's text of the estimate against --text",
    "dwer_<tag>": "the same against the recogniser's own text of the clean target",
}
