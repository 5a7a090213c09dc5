"""Recognisers, and the columns they produce."""

from espnet_tse.scoring.measure.card import Measure

_WHISPER = {"clip": 1.0, "dtype": "float32"}

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
    # The costs are those of the base models; other sizes are estimated from the size of their file.
    Measure("whisper", 1, "words", _WHISPER, ("torch", "openai-whisper"), cost_ms=1570, extra="score-asr"),
    Measure("faster_whisper", 1, "words", {"clip": 1.0}, ("faster-whisper",), cost_ms=970, extra="score-asr"),
    Measure("hf_whisper", 1, "words", _WHISPER, ("torch", "transformers"), cost_ms=1570, extra="score-nn"),
]

WER_TRAPS = {
    "wer_<tag>": "Where the audio was cut and the text was not (LibriMix `min`), missing words count as "
    "deletions. It holds "
    "the recogniser's own errors: quote the row of the clean target, and never compare two recognisers or "
    "normalisers",
    "dwer_<tag>": "Not a difference of two rates: what the recogniser gets wrong on the target is the truth "
    "here",
    "cer_<tag>": "Not comparable with word errors; blanks do not count",
    "leak_<tag>": "Says nothing where target and interferer share their words; another sentence of few "
    "possible ones "
    "looks like a leak",
    "hallucination_rate": "A failed output counts as one, though its text is empty: `n_over_1` counts the "
    "others",
}

# WER columns are made per recogniser (``wer_<tag>``), so they have no fixed card; what they are is
# stated here once for the documentation.
WER_TEXT = {
    "wer_<tag>": "corpus word error rate (S+D+I)/N of the recogniser's text of the estimate against --text",
    "dwer_<tag>": "the same against the recogniser's own text of the clean target",
    "cer_<tag>": "character error rate instead (--unit char: zh, ja, ko); dcer_<tag> likewise",
    "leak_<tag>": "share of the interferer's own words (--intf_text, without those the target says) in the text of the "
    "estimate; a word that is only misheard can look like a leak",
}
