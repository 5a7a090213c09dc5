"""How long a plan takes, from the measured costs in the registry, on one core and with empty caches."""

import math

from espnet_tse.scoring.asr.option import WHISPER_KINDS, AsrSpec
from espnet_tse.scoring.asr.whisper_weights import relative_cost
from espnet_tse.scoring.measure.registry import EMBEDDINGS, MEASURES, METRICS
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.plan import ScoringPlan

DNSMOS_WINDOW_S = 9.01
DNSMOS_NEXT = 0.17  # of a window's time: what of a further one is not shared with the window before
WHISPER_WINDOW_S = 30  # shorter input is padded to it


def dnsmos_windows(seconds: float) -> int:
    """Windows that DNSMOS hears: short signals are doubled until they fill one."""
    while seconds < DNSMOS_WINDOW_S:
        seconds *= 2
    return int(math.floor(seconds) - DNSMOS_WINDOW_S) + 1


def num_signals(plan: ScoringPlan, measure: str, utterance: Utterance) -> int:
    """How many signals (or pairs) of an utterance a measure is run on."""
    if measure.startswith("asr:"):
        return 2 if utterance.ref else 1
    if measure in EMBEDDINGS:
        derived = {"confusion"} if measure == plan.worker.speaker_model else set()
        cards = [
            METRICS[name] for name in plan.worker.metrics if METRICS[name].measure in {measure} | derived
        ]
        roles = {role for card in cards for role in card.inputs}
        return len(roles - {"intf"}) + (len(utterance.intf) if "intf" in roles else 0)
    improved = {
        name.removesuffix("_i") for name in plan.worker.metrics if METRICS[name].measure == "improvement"
    }
    return 2 if measure in improved else 1


def _seconds(measure: str, duration_s: float, recognisers: dict[str, AsrSpec]) -> float:
    """Of one signal."""
    spec = recognisers.get(measure)
    cost = MEASURES[spec.kind if spec else measure].cost_ms / 1000
    if spec and spec.kind in WHISPER_KINDS:
        return cost * relative_cost(spec) * math.ceil(duration_s / WHISPER_WINDOW_S)
    if measure in ("dnsmos", "pdnsmos"):
        return cost * (1 + DNSMOS_NEXT * (dnsmos_windows(duration_s) - 1))
    return cost * duration_s / 5


def estimate_seconds(plan: ScoringPlan) -> float:
    """CPU seconds the plan takes on one core; a rough figure, within a factor of two."""
    recognisers = {spec.measure: spec for spec in plan.worker.recognisers}
    return sum(
        num_signals(plan, measure, utterance) * _seconds(measure, max(utterance.duration_s, 0.1), recognisers)
        for utterance in plan.utterances
        for measure in plan.measures
    )
