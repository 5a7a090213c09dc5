"""The mean of a metric over utterances, with its interval and its counts."""

import numpy as np

from espnet_tse.scoring.measure.card import MetricCard
from espnet_tse.scoring.measure.failure import Outcome
from espnet_tse.scoring.measure.registry import MEASURES, METRICS
from espnet_tse.scoring.result.bootstrap import interval_of_mean
from espnet_tse.scoring.result.coverage import shares
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record


def card_of(plan: ScoringPlan, column: str) -> MetricCard:
    """Card of a column: of the registry (``pesq_al`` has that of ``pesq``), or of a file of scores."""
    if column in plan.scores:
        return plan.scores[column].card
    return METRICS[column if column in METRICS else column.removesuffix("_al")]


def columns_of(records: dict[str, Record]) -> list[str]:
    """Metric columns, the same in every record."""
    return list(next(iter(records.values())).outcomes)


def mean_with_interval(values: dict[str, float], speakers: dict[str, str] | None) -> dict:
    """Mean with its interval; ``speakers`` given: they are what the bootstrap resamples."""
    array = np.array(list(values.values()), dtype=np.float64)
    return {
        "mean": float(array.mean()) if len(array) else None,
        "ci95": interval_of_mean(array, [speakers[key] for key in values] if speakers else None),
        "n": len(array),
    }


def summarise(card: MetricCard, outcomes: dict[str, Outcome], speakers: dict[str, str] | None) -> dict:
    """One entry of ``metrics`` in result.json."""
    outcomes = {key: outcome for key, outcome in outcomes.items() if outcome.applicable}
    kept = {key: outcome.value for key, outcome in outcomes.items() if not outcome.excluded}
    values = np.array(list(kept.values()), dtype=np.float64)
    entry = mean_with_interval(kept, speakers)
    statistics = {"std": np.std, "median": np.median, "min": np.min, "max": np.max}
    entry |= {name: float(function(values)) if kept else None for name, function in statistics.items()}
    entry |= shares(len(outcomes) - len(kept), sum(o.penalised for o in outcomes.values()), len(outcomes))
    entry["higher_is_better"] = card.higher_is_better
    if card.measure in MEASURES:
        entry["version"] = MEASURES[card.measure].version
    else:
        entry["external"] = card.title
    if card.name == "len_ratio" and kept:
        entry["share_outside"] = float(np.mean((values < 0.9) | (values > 1.1)))
    return entry
