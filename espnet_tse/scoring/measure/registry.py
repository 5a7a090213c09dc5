"""All measures and metrics by name, from which ``--list_metrics`` and doc/metrics.md are made.

Only the standard library is imported here, so that ``--help`` and ``--list_metrics`` work with nothing else
installed.
"""

from espnet_tse.scoring.measure.card import Measure, MetricCard
from espnet_tse.scoring.measure.cards import (
    diagnostics,
    extraction,
    meaning,
    opinion,
    samples,
    speaker,
    timing,
    words,
)


def _by_name(entries: list) -> dict:
    table = {entry.name: entry for entry in entries}
    assert len(table) == len(entries), "duplicate name in the registry"
    return table


# The order is that of the columns.
MEASURES: dict[str, Measure] = _by_name(
    [
        measure
        for family in (samples, opinion, meaning, speaker, words, extraction, timing, diagnostics)
        for measure in family.MEASURES
    ]
)
METRICS: dict[str, MetricCard] = _by_name(
    [
        card
        for family in (samples, opinion, meaning, speaker, extraction, timing, diagnostics)
        for card in family.METRICS
    ]
)
# Measures of (target, estimate) at one length.
PAIRED = tuple(measure.name for measure in MEASURES.values() if measure.kind == "pair")
EMBEDDINGS = tuple(measure.name for measure in MEASURES.values() if measure.kind == "embedding")
# Speaker models from the most trusted to the one that is always at hand.
SPEAKER_MODELS = ("wespeaker", "wavlm_sv", "resemblyzer")


def needed_measure(card: MetricCard) -> str:
    """The measure whose packages and weights a card needs (confusion rests on the speaker model)."""
    return MEASURES[card.measure].settings.get("speaker_model", card.measure)
