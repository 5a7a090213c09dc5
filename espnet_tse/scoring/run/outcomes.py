"""From a metric's card to its outcome on a scene: value, penalty, exclusion, or that it does not apply."""

from espnet_tse.scoring.measure.card import MetricCard
from espnet_tse.scoring.measure.failure import EST, NOT_APPLICABLE, REF, Fault, MetricFault, Outcome
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.run.scene import Scene
from espnet_tse.scoring.run.values import diagnostic, value_of


def outcome_of(scene: Scene, card: MetricCard, flags: list[str]) -> Outcome:
    """Outcome of one metric; a fault of the data takes precedence over one of the estimate.

    Where the list of absent targets is wrong, nothing is scored: it is unknown who the target is.

    Args:
        flags: of the utterance; gets "floored:<metric>" where a value is worse than the valid range.
    """
    if scene.faults["absent"]:
        return Outcome(None, Fault(REF, scene.faults["absent"]))
    if card.when != "always" and (card.when == "absent") != scene.target_absent:
        state = "absent" if scene.target_absent else "present"
        return Outcome(None, Fault(NOT_APPLICABLE, f"the target is {state}"))
    if card.measure == "signal":
        return diagnostic(scene, card)
    if card.measure == "decoding_time":
        unknown = Fault(NOT_APPLICABLE, "not in --utt2rtf") if scene.rtf is None else None
        return Outcome(scene.rtf, unknown)
    for role, times in (("activity", scene.activity), ("vad", scene.vad_activity)):
        if role in card.inputs and times is None:
            return Outcome(None, Fault(NOT_APPLICABLE, f"{role}: not known"))
    for role in card.inputs:
        if role != "inf" and scene.faults[role]:
            return Outcome(None, Fault(REF, f"{role}: {scene.faults[role]}"))
    if {"ref", "mix"} <= set(card.inputs) and scene.mixture_is_target:
        return Outcome(None, Fault(NOT_APPLICABLE, "the mixture is its own target: nothing to improve"))
    if fault := _estimate_fault(scene, card):
        return _penalty(scene, card, Fault(EST, f"estimate: {fault}"))
    try:
        value = value_of(scene, card)
    except MetricFault as error:
        if error.fault.kind == EST:
            return _penalty(scene, card, error.fault)
        return Outcome(None, error.fault)
    return Outcome(_within_range(card, value, flags))


def _estimate_fault(scene: Scene, card: MetricCard) -> str | None:
    if card.when == "absent":  # silence is the right answer there
        return scene.est.broken
    return scene.natural_fault if card.natural_length else scene.est.fault


def _penalty(scene: Scene, card: MetricCard, fault: Fault) -> Outcome:
    if data_fault := _fault_of_data(scene, card):
        return Outcome(None, data_fault)
    if card.measure != "improvement":
        return Outcome(card.penalty, fault)
    base = card.name.removesuffix("_i")
    return Outcome(METRICS[base].penalty - scene.of_mixture(base), fault)


def _fault_of_data(scene: Scene, card: MetricCard) -> Fault | None:
    """Why a metric has no value whatever the estimate is, as some faults of the data only show while measuring.

    The target itself, or what the metric has instead of it, is measured in the estimate's place.
    """
    role = next((role for role in ("ref", "mix", "enroll") if role in card.inputs), None)
    if role is None:
        return None
    try:
        value_of(scene.with_data_as_estimate(role), card)
    except MetricFault as error:
        return Fault(REF, error.fault.reason) if error.fault.kind == EST else error.fault
    return None


def _within_range(card: MetricCard, value: float, flags: list[str]) -> float:
    """``value``, or the worse end of the valid range if it is beyond that."""
    worse = {
        "up": card.low is not None and value < card.low,
        "down": card.high is not None and value > card.high,
    }
    if not worse.get(card.direction):
        return value
    flags.append(f"floored:{card.name}")
    return card.low if card.direction == "up" else card.high
