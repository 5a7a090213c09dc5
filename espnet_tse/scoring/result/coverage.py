"""How much of a list of utterances a figure rests on: penalties and exclusions."""

from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record

MARK_SHARE = 0.01  # above: the row carries a dagger


def shares(excluded: int, penalised: int, expected: int) -> dict:
    share = max(excluded, penalised) / expected if expected else 0.0
    counts = {"n_expected": expected, "n_penalized": penalised, "n_excluded": excluded}
    return {**counts, "marked": share > MARK_SHARE}


def coverage_of(plan: ScoringPlan, records: dict[str, Record], judged: dict[str, dict]) -> dict[str, int]:
    """How much of the list the table rests on; penalties and exclusions of the metric that has most of them."""
    return {
        "expected": len(records),
        "missing": sum(u.inf is None for u in plan.utterances),
        "target_absent": sum(r.target_absent and not r.absent_fault for r in records.values()),
        "penalized": max((entry["n_penalized"] for entry in judged.values()), default=0),
        "excluded": max((entry["n_excluded"] for entry in judged.values()), default=0),
    }
