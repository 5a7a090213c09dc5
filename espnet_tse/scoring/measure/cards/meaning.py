"""Cards of linguistic content, compared without a transcript."""

from espnet_tse.scoring.measure.card import Measure, MetricCard

MEASURES = [
    Measure(
        "speech_bert_score",
        1,
        "match",
        {"model": "HuBERT base", "hidden_state": 11, "normalised_input": False, "batch": 1, "clip": 1.0},
        ("torch", "transformers"),
        ("hubert",),
        cost_ms=1445,
        extra="score-nn",
    ),
]

_SBS = (
    "Cosine matrix between hidden states 11 of HuBERT base of estimate and target (768 wide, every 20 ms), each "
    "signal alone at its natural length. "
)


def _sbs(name: str, title: str, definition: str, trap: str, position: int) -> MetricCard:
    return MetricCard(
        name,
        "speech_bert_score",
        title,
        "up",
        ("inf", "ref"),
        _SBS + definition,
        trap,
        ceiling=1.0,
        penalty=0.0,
        low=0.0,
        high=1.0,
        natural_length=True,
        position=position,
    )


METRICS = [
    _sbs(
        "sbs",
        "SpeechBERTScore, precision",
        "Mean over the estimate's frames of the nearest target frame; the published column.",
        "A short output that says a part of the text scores high: read `sbs_r` and `len_ratio` beside it. "
        "Not comparable "
        "with the WavLM-large variant of VERSA.",
        0,
    ),
    _sbs(
        "sbs_r",
        "SpeechBERTScore, recall",
        "Mean over the target's frames of the nearest estimate frame.",
        "What an output says beside the target costs nothing: read `sbs` beside it.",
        1,
    ),
    _sbs(
        "sbs_f1",
        "SpeechBERTScore, F1",
        "Harmonic mean of sbs and sbs_r.",
        "Does not tell which of the two is low; papers print the precision.",
        2,
    ),
]
