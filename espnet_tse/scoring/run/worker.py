"""Scores one utterance after the other; a job runs this in a process of its own."""

import multiprocessing
import traceback
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from sys import intern
from typing import Callable

import numpy as np

from espnet_tse.io.parent_process import end_with_parent
from espnet_tse.scoring.measure.align import best_lag, earlier
from espnet_tse.scoring.measure.audio import RATE, Signal, set_level
from espnet_tse.scoring.measure.failure import (
    MIN_ENROLLMENT_S,
    MIN_REFERENCE_S,
    NOT_APPLICABLE,
    REF,
    Fault,
    MetricFault,
    Outcome,
)
from espnet_tse.scoring.measure.near_silence import near_silence
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, PAIRED
from espnet_tse.scoring.measure.si_sdr import si_sdr
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.measuring import Measurer, Uses
from espnet_tse.scoring.run.outcomes import outcome_of
from espnet_tse.scoring.run.scene import SAME_DB, Scene, Source, digital_silence, open_source

SHORTEST_S = {"ref": MIN_REFERENCE_S, "mix": 0.0, "enroll": MIN_ENROLLMENT_S}


@dataclass(slots=True)  # a test set has a hundred thousand of them
class Record:
    """All that is known about one scored utterance; plain values, so that it can be sent between processes."""

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
    cached: int = 0  # values that were
    target_absent: bool = False
    absent_fault: str | None = None  # why it is doubtful that the target is absent; nothing is scored then
    target_sha1: str | None = None
    mixture_sha1: str | None = None
    enrollment_sha1: str | None = None
    interferer_sha1s: list[str] = field(default_factory=list)  # sorted
    estimate_sha1: str | None = None  # None where it has a fault
    duration_mix: float | None = None  # s, as the durations below
    duration_enroll: float | None = None
    input_sir_db: float | None = None
    overlap: float | None = None
    target_rate: int | None = None  # Hz; None where there is no target

    @property
    def absence(self) -> Fault | None:
        """Why there is no value of a metric of targets that speak; None: the target does, or should."""
        if self.absent_fault:
            return Fault(REF, self.absent_fault)
        return Fault(NOT_APPLICABLE, "the target is absent") if self.target_absent else None

    def with_shared_names(self) -> "Record":
        """Itself, whose words that lists or other records have, too, are theirs: once in memory."""
        self.key, self.flags = intern(self.key), [intern(flag) for flag in self.flags]
        self.outcomes = {intern(name): outcome for name, outcome in self.outcomes.items()}
        hashes = ("target_sha1", "mixture_sha1", "enrollment_sha1", "estimate_sha1")
        for name in hashes:  # a recording may be in many rows
            if getattr(self, name) is not None:
                setattr(self, name, intern(getattr(self, name)))
        return self


class UtteranceScorer:
    """Scores utterances one by one."""

    def __init__(self, plan: WorkerPlan):
        self.plan = plan
        self.measurer = Measurer(plan)

    def close(self) -> None:
        """Close caches and child processes."""
        self.measurer.close()

    def score(self, utterance: Utterance) -> Record:
        """Score one utterance with every metric of the plan."""
        scene = self._open(utterance)
        flags: list[str] = []
        record = Record(
            utterance.key,
            scene.duration_s("ref"),
            scene.raw.duration_s if scene.raw else None,
            {},
            flags,
            estimate_fault=scene.est.fault,
            target_absent=scene.target_absent,
            absent_fault=scene.faults["absent"],
        )
        if not scene.est.fault and np.max(np.abs(scene.estimate.samples)) > 1:
            flags.append("beyond_full_scale")
        if not scene.est.fault and has_offset(scene.estimate.samples):
            flags.append("offset")
        if any(s.signal and s.signal.source_channels > 1 for s in [scene.est, *scene.data.values()]):
            flags.append("multichannel")
        if scene.target_absent:
            flags.append("target_absent")
        for name in self.plan.metrics:
            record.outcomes[name] = outcome_of(scene, METRICS[name], flags)
        if self.plan.align == "xcorr":
            self._score_aligned(scene, record)
        if self.plan.recognisers:
            self._recognise(scene, record)
        flags += self._chunked(scene.est.signal)
        self._describe(scene, record)
        uses = scene.uses
        record.estimate_keys = list(dict.fromkeys(uses.estimate_keys))
        record.computed, record.cached = uses.computed, uses.cached
        return record

    def _open(self, utterance: Utterance) -> Scene:
        """Read every file of an utterance once, and bring all of them to the rate of the data."""
        channel = self.plan.ref_channel
        est = open_source(utterance.inf, channel)
        entries = {"ref": utterance.ref, "mix": utterance.mix, "enroll": utterance.enroll}
        read = {role: open_source(entry, channel) for role, entry in entries.items() if entry}
        rate = rate_of_data([read.get("ref"), read.get("mix"), est])
        as_read, est = est.signal, est.at(rate)
        raw = est.signal
        if as_read is not None and self.plan.level != "none":
            # From what was read it is resampled to every rate, once.
            est = Source(as_read.with_samples(set_level(as_read.samples, self.plan.level))).at(rate)
        data = {role: source.at(rate, SHORTEST_S[role]) for role, source in read.items()}
        interferers = [open_source(entry, channel).at(rate, MIN_ENROLLMENT_S) for entry in utterance.intf]
        faults = {role: source.fault for role, source in data.items()}
        faults["intf"] = next((source.fault for source in interferers if source.fault), None)
        silent = "ref" in data and digital_silence(data["ref"])
        absent = utterance.target_absent or (self.plan.silent_is_absent and silent)
        faults["absent"] = doubt_of_absence(data.get("ref")) if absent else None
        faults["activity"] = faults["vad"] = None  # where they are not known, their metrics do not apply
        if not absent and not est.fault:
            heard = [data[role].signal for role in ("ref", "mix") if role in data and not data[role].fault]
            est = Source(est.signal, _near_silence(est.signal, heard))
        times = (utterance.activity, utterance.vad_activity)
        return Scene(
            self.measurer, Uses(), est, raw, data, interferers, faults, absent, utterance.rtf, *times
        )

    def _describe(self, scene: Scene, record: Record) -> None:
        """Properties of the utterance that do not depend on the estimate: for the protocol and the buckets."""
        if scene.duration_s("ref") is not None:
            target = scene.data["ref"].signal
            record.target_sha1, record.target_rate = target.sha1, target.rate
        if scene.duration_s("mix") is not None:
            record.mixture_sha1 = scene.data["mix"].signal.sha1
        if scene.duration_s("enroll") is not None:
            record.enrollment_sha1 = scene.data["enroll"].signal.sha1
        record.interferer_sha1s = sorted(each.signal.sha1 for each in scene.interferers if each.signal)
        record.duration_mix = scene.duration_s("mix")
        record.duration_enroll = scene.duration_s("enroll")
        record.input_sir_db = scene.input_sir_db()
        record.overlap = scene.overlap()
        record.estimate_sha1 = None if scene.est.fault else scene.estimate.sha1
        if repeats_mixture(scene):
            record.flags.append("equals_mixture")
        if scene.mixture_is_target:
            record.flags.append("mixture_is_target")
        if scene.est.fault or "ref" not in scene.data or scene.faults["ref"]:
            return
        if scene.est.signal.source_rate < RATE <= scene.data["ref"].signal.source_rate:
            record.flags.append("low_rate")
        if is_oracle(scene) and not scene.mixture_is_target:
            record.flags.append("equals_target")

    def _score_aligned(self, scene: Scene, record: Record) -> None:
        """``*_al`` columns: the estimate shifted by one lag, beside the plain ones."""
        names = [name for name in self.plan.metrics if METRICS[name].measure in PAIRED]
        ref = scene.data["ref"]
        if scene.est.fault or ref.fault:
            for name in names:
                record.outcomes[f"{name}_al"] = record.outcomes[name]
            return
        record.lag_samples = best_lag(ref.signal.samples, scene.estimate.samples, ref.signal.rate)
        moved = earlier(scene.estimate, record.lag_samples)
        aligned = replace(scene, est=Source(moved).at(moved.rate), raw=moved)
        for name in names:
            record.outcomes[f"{name}_al"] = outcome_of(aligned, METRICS[name], record.flags)

    def _recognise(self, scene: Scene, record: Record) -> None:
        """Texts of the estimate and of the target; silence never reaches a recogniser, which would invent words."""
        sides = [("estimate", scene.est.signal, scene.natural_fault, True)]
        if "ref" in scene.data:
            sides.append(("target", scene.data["ref"].signal, scene.faults["ref"], False))
        record.text_faults = {side: fault for side, _, fault, _ in sides if fault}
        for spec in self.plan.recognisers:
            record.texts[spec.tag] = {
                side: self.measurer.measure(scene.uses, spec.measure, signal, of_estimate=of_estimate)
                for side, signal, fault, of_estimate in sides
                if not fault
            }

    def _chunked(self, signal: Signal | None) -> list[str]:
        """Flags of measures whose network cannot take this estimate in one piece."""
        used = {METRICS[name].measure for name in self.plan.metrics}
        limits = {name: MEASURES[name].longest_s for name in sorted(used) if MEASURES[name].longest_s}
        return [f"chunked:{name}" for name, limit in limits.items() if signal and signal.duration_s > limit]


def unusable_record(plan: WorkerPlan, utterance: Utterance, kind: str, reason: str) -> Record:
    """A record that excludes an utterance from every metric, because nothing can be measured of it."""
    columns = list(plan.metrics)
    if plan.align == "xcorr":
        columns += [f"{name}_al" for name in plan.metrics if METRICS[name].measure in PAIRED]
    outcomes = {name: Outcome(None, Fault(kind, reason)) for name in columns}
    record = Record(
        utterance.key,
        None,
        None,
        outcomes,
        [],
        estimate_fault=reason,
        target_absent=utterance.target_absent,
    )
    record.texts = {spec.tag: {} for spec in plan.recognisers}
    record.text_faults = {"estimate": reason, "target": reason}
    return record


def rate_of_data(sources: list[Source | None]) -> int:
    """Sample rate in Hz of the first that can be read: target, mixture, estimate."""
    return next((source.signal.rate for source in sources if source and source.signal), RATE)


def _near_silence(estimate: Signal, data: list[Signal]) -> str | None:
    """Why an estimate counts as silent beside the sound signals of the data, or None."""
    if not data or np.max(np.abs(estimate.samples)) > 1:  # not faint, and its squares may overflow
        return None
    return near_silence(*(signal.at(RATE).samples for signal in (estimate, *data)))


def doubt_of_absence(target: Source | None) -> str | None:
    """Evidence against an utterance being without its target, as listed; None if there is none."""
    if target is None or digital_silence(target):
        return None
    if target.broken:
        return f"--absent names it, but whether its target is silent cannot be told: {target.broken}"
    return "--absent names it, but its target is not silent; fix the list"


def has_offset(samples: np.ndarray) -> bool:
    """Whether a constant offset makes up more than a hundredth of the power."""
    return bool(np.mean(samples) ** 2 > 0.01 * np.mean(np.square(samples)))


def is_oracle(scene: Scene) -> bool:
    """Whether an estimate is its own target, up to a gain."""
    if scene.data["ref"].fault:
        return False
    try:
        return scene.of_estimate("si_sdr", scene.data["ref"].signal) > SAME_DB
    except MetricFault:
        return False


def repeats_mixture(scene: Scene) -> bool:
    """Whether an estimate is the mixture up to a gain; one without interferer, that is the target, is not."""
    mix = scene.data.get("mix")
    if scene.est.fault or mix is None or mix.fault:
        return False
    mixture, estimate = mix.signal.samples, scene.estimate.samples
    if mixture.shape != estimate.shape or si_sdr(mixture, estimate) <= SAME_DB:
        return False
    return "ref" not in scene.data or not is_oracle(scene)


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
            # On disk before it is reported, so that a run that is killed later can resume from it.
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
