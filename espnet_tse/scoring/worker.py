"""Scores one utterance after the other; a job is this in a process of its own."""

import multiprocessing
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Callable

import numpy as np

from espnet_tse.schema.parent_process import end_with_parent
from espnet_tse.scoring.align import best_lag, shift
from espnet_tse.scoring.audio import (
    AudioError,
    Signal,
    fault_of,
    level_dbfs,
    load,
    make_signal,
    set_level,
)
from espnet_tse.scoring.failure import (
    EST,
    MIN_ENROLLMENT_S,
    MIN_ESTIMATE_S,
    MIN_REFERENCE_S,
    REF,
    Fault,
    MetricFault,
    Outcome,
)
from espnet_tse.scoring.job import Utterance, WorkerPlan
from espnet_tse.scoring.card import MetricCard
from espnet_tse.scoring.measuring import Measurer, Uses
from espnet_tse.scoring.registry import MEASURES, METRICS, PAIRED


@dataclass
class Source:
    """A loaded signal or the reason why it cannot be used."""

    signal: Signal | None
    fault: str | None


@dataclass
class Record:
    """All that is known of one scored utterance; plain values, so that it travels between processes."""

    key: str
    duration_ref: float | None
    duration_est: float | None
    outcomes: dict[str, Outcome]
    flags: list[str]
    # Tag of a recogniser -> "estimate"/"target" -> its words; why a side has none.
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    text_faults: dict[str, str] = field(default_factory=dict)
    estimate_fault: str | None = None
    lag_samples: int | None = None
    estimate_keys: list[str] = field(default_factory=list)  # cache entries of the estimate that were used
    computed: int = 0  # values that were not in a cache


class UtteranceScorer:
    """Scores utterances one by one."""

    def __init__(self, plan: WorkerPlan):
        self.plan = plan
        self.measurer = Measurer(plan)

    def close(self) -> None:
        """Close caches and child processes."""
        self.measurer.close()

    def _source(self, entry: str | None, min_s: float) -> Source:
        if entry is None:
            return Source(None, "missing")
        try:
            signal = load(entry, self.plan.ref_channel)
        except AudioError as error:
            return Source(None, f"unreadable: {error}")
        return Source(signal, fault_of(signal.samples, min_s))

    def score(self, utterance: Utterance) -> Record:
        """Score one utterance with every metric of the plan."""
        needed = {role for name in self.plan.metrics for role in METRICS[name].inputs}
        est = self._source(utterance.inf, 0.0)
        raw = est.signal
        flags: list[str] = []
        uses = Uses()
        if raw is not None and self.plan.level != "none":
            est.signal = make_signal(
                set_level(raw.samples, self.plan.level), raw.source_rate, raw.source_channels
            )
        data = {"ref": self._source(utterance.ref, MIN_REFERENCE_S)} if utterance.ref else {}
        if "mix" in needed and utterance.mix:
            data["mix"] = self._source(utterance.mix, 0.0)
        if "enroll" in needed and utterance.enroll:
            data["enroll"] = self._source(utterance.enroll, MIN_ENROLLMENT_S)
        interferers = [self._source(entry, MIN_ENROLLMENT_S) for entry in utterance.intf if "intf" in needed]
        faults = {role: source.fault for role, source in data.items()}
        faults["intf"] = next((source.fault for source in interferers if source.fault), None)

        ref_signal = data["ref"].signal if "ref" in data else None
        record = Record(
            utterance.key,
            ref_signal.duration_s if ref_signal else None,
            raw.duration_s if raw else None,
            {},
            flags,
            estimate_fault=est.fault,
        )
        if raw is not None and not est.fault and np.max(np.abs(est.signal.samples)) > 1:
            flags.append("beyond_full_scale")
        if any(s.signal and s.signal.source_channels > 1 for s in [est, *data.values()]):
            flags.append("multichannel")

        context = _Context(self.measurer, uses, record, est, raw, data, interferers, faults)
        for name in self.plan.metrics:
            record.outcomes[name] = context.outcome(METRICS[name])
        if self.plan.align == "xcorr":
            self._score_aligned(context)
        if self.plan.recognisers:
            self._recognise(context)
        flags += self._chunked(est.signal)
        record.estimate_keys, record.computed = uses.estimate_keys, uses.computed
        return record

    def _score_aligned(self, context: "_Context") -> None:
        """``*_al`` columns: the estimate shifted by one lag, beside the plain ones."""
        record, est, ref = context.record, context.est, context.data["ref"]
        names = [name for name in self.plan.metrics if METRICS[name].measure in PAIRED]
        if est.fault or ref.fault:
            for name in names:
                record.outcomes[f"{name}_al"] = record.outcomes[name]
            return
        record.lag_samples = best_lag(ref.signal.samples, est.signal.samples)
        shifted = make_signal(shift(est.signal.samples, record.lag_samples))
        moved = Source(shifted, fault_of(shifted.samples))
        aligned = _Context(
            self.measurer,
            context.uses,
            record,
            moved,
            shifted,
            context.data,
            context.interferers,
            context.faults,
        )
        for name in names:
            record.outcomes[f"{name}_al"] = aligned.outcome(METRICS[name])

    def _recognise(self, context: "_Context") -> None:
        """Texts of the estimate and of the target; silence never reaches a recogniser, which would invent words."""
        record = context.record
        sides = [("estimate", context.est.signal, context.natural_fault, True)]
        if "ref" in context.data:
            sides.append(("target", context.data["ref"].signal, context.faults["ref"], False))
        record.text_faults = {side: fault for side, _, fault, _ in sides if fault}
        for spec in self.plan.recognisers:
            record.texts[spec.tag] = {
                side: self.measurer.measure(context.uses, spec.measure, signal, of_estimate=of_estimate)
                for side, signal, fault, of_estimate in sides
                if not fault
            }

    def _chunked(self, signal: Signal | None) -> list[str]:
        """Flags of measures whose network takes less than this estimate at once."""
        used = {METRICS[name].measure for name in self.plan.metrics}
        limits = {name: MEASURES[name].longest_s for name in sorted(used) if MEASURES[name].longest_s}
        return [f"chunked:{name}" for name, limit in limits.items() if signal and signal.duration_s > limit]


@dataclass
class _Context:
    """The signals of one utterance and how a metric card becomes an outcome on them."""

    measurer: Measurer
    uses: Uses
    record: Record
    est: Source
    raw: Signal | None  # the estimate before ``--level``
    data: dict[str, Source]
    interferers: list[Source]
    faults: dict[str, str | None]

    @property
    def natural_fault(self) -> str | None:
        """Fault of the estimate for metrics that take it at its natural length."""
        if self.est.fault:
            return self.est.fault
        return fault_of(self.est.signal.samples, MIN_ESTIMATE_S)

    def outcome(self, card: MetricCard) -> Outcome:
        """Value, penalty or exclusion; a fault of the data goes before one of the estimate."""
        if card.measure == "signal":
            return self._diagnostic(card)
        for role in card.inputs:
            if role != "inf" and self.faults[role]:
                return Outcome(None, Fault(REF, f"{role}: {self.faults[role]}"))
        fault = self.natural_fault if card.natural_length else self.est.fault
        if fault:
            return self._penalty(card, Fault(EST, f"estimate: {fault}"))
        try:
            value = self._value(card)
        except MetricFault as error:
            if error.fault.kind == EST:
                return self._penalty(card, error.fault)
            return Outcome(None, error.fault)
        if card.low is not None and value < card.low:
            self.record.flags.append(f"floored:{card.name}")
            value = card.low
        return Outcome(value)

    def _mixture(self, measure: str) -> float:
        """The mixture's own value; any fault there is one of the data."""
        ref, mix = self.data["ref"].signal, self.data["mix"].signal
        try:
            return self.measurer.measure(self.uses, measure, ref, mix, of_estimate=False)
        except MetricFault as error:
            kind = REF if error.fault.kind == EST else error.fault.kind
            raise MetricFault(kind, f"mixture: {error.fault.reason}") from error

    def _penalty(self, card: MetricCard, fault: Fault) -> Outcome:
        if card.measure != "improvement":
            return Outcome(card.penalty, fault)
        base = card.name.removesuffix("_i")
        try:
            return Outcome(METRICS[base].penalty - self._mixture(base), fault)
        except MetricFault as error:
            return Outcome(None, error.fault)

    def _value(self, card: MetricCard) -> float:
        estimate = self.est.signal
        if card.measure in PAIRED:
            target = self.data["ref"].signal
            return self.measurer.measure(self.uses, card.measure, target, estimate, of_estimate=True)
        if card.measure == "improvement":
            base = METRICS[card.name.removesuffix("_i")]
            return self._value(base) - self._mixture(base.measure)
        if card.measure == "failure":
            return float(self._value(METRICS["si_sdr_i"]) < 1.0)
        if MEASURES[card.measure].kind == "embedding":
            other = self.data["enroll" if "enroll" in card.inputs else "ref"].signal
            cosine = self.measurer.similarity(self.uses, card.measure, estimate, other)
            return (cosine + 1) / 2 if card.mapped else cosine
        if MEASURES[card.measure].kind == "match":
            signals = self.data["ref"].signal, estimate
            return self.measurer.measure(self.uses, card.measure, *signals, of_estimate=True)[card.position]
        if card.measure == "confusion":
            model = MEASURES["confusion"].settings["speaker_model"]
            near = self.measurer.similarity(self.uses, model, estimate, self.data["ref"].signal)
            far = [self.measurer.similarity(self.uses, model, estimate, s.signal) for s in self.interferers]
            return float(max(far) > near)
        values = self.measurer.measure(self.uses, card.measure, estimate, of_estimate=True)
        return values[card.position]

    def _diagnostic(self, card: MetricCard) -> Outcome:
        if card.name == "len_ratio":
            ref = self.data["ref"].signal
            if ref is None or len(ref.samples) == 0:
                return Outcome(None, Fault(REF, f"ref: {self.faults['ref']}"))
            if self.raw is None:
                return Outcome(card.penalty, Fault(EST, f"estimate: {self.est.fault}"))
            return Outcome(self.raw.duration_s / ref.duration_s)
        if self.raw is None or len(self.raw.samples) == 0 or not np.isfinite(self.raw.samples).all():
            return Outcome(None, Fault(EST, f"estimate: {self.est.fault}"))
        if card.name == "clip_frac":
            return Outcome(float(np.mean(np.abs(self.raw.samples) >= 0.999)))
        # Digital silence has no level; -200 keeps the column numeric.
        return Outcome(max(level_dbfs(self.raw.samples), -200.0))


def run_job(connection: Connection, plan: WorkerPlan, utterances: list[Utterance]) -> None:
    """Body of a job process: sends ("done", Record) per utterance, then ("end", cache files written).

    An exception is sent as ("error", key, traceback) and ends the job.
    """
    end_with_parent(multiprocessing.parent_process().pid)
    key = "start"
    send: Callable[[tuple], None] = connection.send
    try:
        scorer = UtteranceScorer(plan)
        for utterance in utterances:
            key = utterance.key
            record = scorer.score(utterance)
            # On disk before it is reported: a run that dies later finds it again.
            scorer.measurer.flush()
            send(("done", record))
        scorer.close()
        send(("end", scorer.measurer.files()))
    except BrokenPipeError:
        return  # the parent is gone
    except BaseException:
        send(("error", key, traceback.format_exc()))
    finally:
        connection.close()
