"""The value of each metric on a scene: taken from a measure, or derived from several."""

from dataclasses import replace
from typing import Callable

import numpy as np

from espnet_tse.scoring.measure.audio import RATE, fit_length, level_dbfs
from espnet_tse.scoring.measure.card import MetricCard
from espnet_tse.scoring.measure.failure import EST, REF, Fault, MetricFault, Outcome
from espnet_tse.scoring.measure.registry import MEASURES, METRICS
from espnet_tse.scoring.measure.timing import pause_leak, timing_f1, timing_f1_of_times
from espnet_tse.scoring.run.scene import Scene, Source

FAILED_BELOW_DB = MEASURES["failure"].settings["threshold_db"]
MIN_LEVEL_DBFS = -200.0  # digital silence has no level; this keeps the column numeric


def value_of(scene: Scene, card: MetricCard) -> float:
    """Value of a metric whose inputs are sound.

    Raises:
        MetricFault: it cannot be computed on them.
    """
    kind = MEASURES[card.measure].kind
    return _DERIVED[card.measure](scene, card) if kind == "derived" else _READ[kind](scene, card)


def _pick(values: float | list[float], card: MetricCard) -> float:
    return values[card.position] if isinstance(values, list) else values


def _pair(scene: Scene, card: MetricCard) -> float:
    return _pick(scene.of_estimate(card.measure, scene.data["ref"].signal), card)


def _absence(scene: Scene, card: MetricCard) -> float:
    # A level that was set would raise what should be silence.
    as_given = replace(scene, est=Source(scene.raw))
    return _pick(as_given.of_estimate(card.measure, scene.data["mix"].signal), card)


def _signal(scene: Scene, card: MetricCard) -> float:
    return _pick(scene.of_estimate(card.measure), card)


def _embedding(scene: Scene, card: MetricCard) -> float:
    other = scene.data["enroll" if "enroll" in card.inputs else "ref"].signal
    cosine = scene.similarity(card.measure, other)
    return (cosine + 1) / 2 if card.mapped else cosine


_READ: dict[str, Callable[[Scene, MetricCard], float]] = {
    "pair": _pair,
    "match": _pair,
    "absence": _absence,
    "signal": _signal,
    "embedding": _embedding,
}


def _improvement(scene: Scene, card: MetricCard) -> float:
    base = METRICS[card.name.removesuffix("_i")]
    return value_of(scene, base) - scene.of_mixture(base.measure)


def _failure(scene: Scene, card: MetricCard) -> float:
    return float(value_of(scene, METRICS["si_sdr_i"]) < FAILED_BELOW_DB)


def _confusion(scene: Scene, card: MetricCard) -> float:
    model = scene.measurer.plan.speaker_model
    near = scene.similarity(model, scene.data["ref"].signal)
    return float(max(scene.similarity(model, source.signal) for source in scene.interferers) > near)


def _source_confusion(scene: Scene, card: MetricCard) -> float:
    near = value_of(scene, METRICS["si_sdr"])
    return float(max(_closeness(scene, source) for source in scene.interferers) > near)


def _closeness(scene: Scene, interferer: Source) -> float:
    """SI-SDR against an interferer at the target's length: on the samples that the target is compared on."""
    other = interferer.signal
    try:
        return scene.of_estimate(
            "si_sdr", other.with_samples(fit_length(other.samples, len(scene.data["ref"].signal.samples)))
        )
    except MetricFault:
        # Within the common length one of them is empty: they have nothing in common.
        return METRICS["si_sdr"].low


def _timing(scene: Scene, card: MetricCard) -> float:
    return timing_f1(scene.activity, scene.estimate.at(RATE).samples)


def _timing_of_vad(scene: Scene, card: MetricCard) -> float:
    return timing_f1_of_times(scene.activity, scene.vad_activity)


def _pause_leak(scene: Scene, card: MetricCard) -> float:
    mixture, estimate = (signal.at(RATE).samples for signal in (scene.data["mix"].signal, scene.estimate))
    return pause_leak(scene.activity, mixture, estimate)


_DERIVED: dict[str, Callable[[Scene, MetricCard], float]] = {
    "improvement": _improvement,
    "failure": _failure,
    "confusion": _confusion,
    "source_confusion": _source_confusion,
    "timing": _timing,
    "timing_of_vad": _timing_of_vad,
    "pause_leak": _pause_leak,
}


def diagnostic(scene: Scene, card: MetricCard) -> Outcome:
    """Outcome of a card of the measure "signal": properties of the estimate as it was given."""
    if card.name == "len_ratio":
        ref = scene.data["ref"].signal
        if ref is None or len(ref.samples) == 0:
            return Outcome(None, Fault(REF, f"ref: {scene.faults['ref']}"))
        if scene.raw is None:
            return Outcome(card.penalty, Fault(EST, f"estimate: {scene.est.fault}"))
        return Outcome(scene.raw.duration_s / ref.duration_s)
    if scene.est.broken:
        return Outcome(None, Fault(EST, f"estimate: {scene.est.broken}"))
    if card.name == "clip_frac":
        return Outcome(float(np.mean(np.abs(scene.raw.samples) >= 0.999)))
    return Outcome(max(level_dbfs(scene.raw.samples), MIN_LEVEL_DBFS))
