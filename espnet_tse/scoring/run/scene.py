"""The loaded signals of one utterance, and measures of them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from espnet_tse.io.activity_list import Times
from espnet_tse.scoring.measure.audio import AudioError, Signal, broken, fault_of, load
from espnet_tse.scoring.measure.failure import EST, MIN_ESTIMATE_S, REF, MetricFault
from espnet_tse.scoring.run.measuring import Measurer, Uses

SAME_DB = 60.0  # SI-SDR above which one signal is the other up to a gain; no extractor comes near


@dataclass
class Source:
    """A loaded signal, or the reason why it cannot be used."""

    signal: Signal | None
    fault: str | None = None

    def at(self, rate: int, min_s: float = 0.0) -> "Source":
        """The source at ``rate`` Hz, with the fault that its samples have, if it can be read."""
        if self.signal is None:
            return self
        signal = self.signal.converted(rate)
        return Source(signal, fault_of(signal.samples, rate, min_s))

    @property
    def broken(self) -> str | None:
        """Why this is not a signal at all; silence is one."""
        return broken(self.signal.samples) if self.signal else self.fault


UNREADABLE = "unreadable"  # begins the fault of a file that could not be read


def open_source(entry: str | None, channel: int) -> Source:
    """Load an scp entry at its own rate; any failure becomes a fault."""
    if entry is None:
        return Source(None, "missing")
    try:
        return Source(load(entry, channel))
    except AudioError as error:
        return Source(None, f"{UNREADABLE}: {error}")


@dataclass
class Scene:
    """What the metrics of one utterance look at, all of it at one rate, that of the data.

    ``data`` and ``faults`` have the roles "ref", "mix", "enroll", as far as they were given; ``faults`` also
    "intf" (the first fault of an interferer) and "absent" (why an utterance that is said to have no target is
    doubtful).
    """

    measurer: Measurer
    uses: Uses
    est: Source
    raw: Signal | None  # the estimate before ``--level``
    data: dict[str, Source]
    interferers: list[Source]
    faults: dict[str, str | None]
    target_absent: bool = False
    rtf: float | None = None
    activity: Times | None = None  # when the target speaks, s; None: not known
    vad_activity: Times | None = None  # when the estimate does, as a detector found
    estimate_is_data: bool = False  # its values belong to the test set, not to a system

    def with_data_as_estimate(self, role: str) -> "Scene":
        """The scene whose estimate is a signal of the data."""
        source = self.data[role]
        return replace(self, est=source, raw=source.signal, estimate_is_data=True)

    @property
    def estimate(self) -> Signal:
        return self.est.signal

    @property
    def natural_fault(self) -> str | None:
        """Fault of the estimate for metrics that take it at its natural length."""
        return self.est.fault or fault_of(self.estimate.samples, self.estimate.rate, MIN_ESTIMATE_S)

    def of_estimate(self, measure: str, *others: Signal) -> Any:
        """A measure of the estimate, beside ``others`` where it compares."""
        return self.measurer.measure(
            self.uses, measure, *others, self.estimate, of_estimate=not self.estimate_is_data
        )

    def of_mixture(self, measure: str) -> float:
        """A measure of target and mixture; any fault there is one of the data."""
        ref, mix = self.data["ref"].signal, self.data["mix"].signal
        try:
            return self.measurer.measure(self.uses, measure, ref, mix, of_estimate=False)
        except MetricFault as error:
            kind = REF if error.fault.kind == EST else error.fault.kind
            raise MetricFault(kind, f"mixture: {error.fault.reason}") from error

    def similarity(self, model: str, other: Signal) -> float:
        """Cosine of the estimate's embedding and that of ``other``."""
        return self.measurer.similarity(
            self.uses, model, self.estimate, other, of_estimate=not self.estimate_is_data
        )

    def overlap(self) -> float | None:
        """Share of the active frames in which target and an interferer are heard at once; None if not known."""
        ref = self.data.get("ref")
        if self.target_absent or ref is None or ref.fault or not self.interferers or self.faults["intf"]:
            return None
        signals = [ref.signal, *(source.signal for source in self.interferers)]
        return self.measurer.measure(self.uses, "overlap", *signals, of_estimate=False)

    def input_sir_db(self) -> float | None:
        """SI-SDR of the mixture against the target; None if not known."""
        wanted = [self.data.get("ref"), self.data.get("mix")]
        if self.target_absent or any(source is None or source.fault for source in wanted):
            return None
        try:
            return self.of_mixture("si_sdr")
        except MetricFault:
            return None  # the length policy refuses the mixture, so it has no ratio

    @cached_property
    def mixture_is_target(self) -> bool:
        """Whether the mixture is its own target up to a gain, so that there is nothing to extract."""
        sir_db = self.input_sir_db()
        return sir_db is not None and sir_db > SAME_DB

    def duration_s(self, role: str) -> float | None:
        """Length of a signal of the data; None if it was not given or cannot be read."""
        source = self.data.get(role)
        return source.signal.duration_s if source is not None and source.signal is not None else None


def digital_silence(source: Source) -> bool:
    """Whether a readable signal is all zeros."""
    return source.signal is not None and not np.any(source.signal.samples)
