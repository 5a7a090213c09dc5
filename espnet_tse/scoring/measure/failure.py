"""Why a metric cannot be computed, and what is written instead.

A fault of the data (target, mixture, enrollment) excludes the utterance from that metric, for every
system alike. A fault of the estimate gives the metric's penalty and keeps the utterance in the mean.
Nothing is dropped silently: each failure becomes a line of ``failed``. A metric of utterances whose target
is absent does not apply to the others, and vice versa; that is not a failure.
"""

from dataclasses import dataclass

EST, REF, PESQ_LONG, CRASH, NOT_APPLICABLE = "est", "ref", "pesq_long", "crash", "n/a"

SILENCE_DBFS = -70.0  # RMS after removal of the mean
MIN_ESTIMATE_S = 0.1  # below: no metric that takes the estimate at its natural length
MIN_REFERENCE_S = 0.25  # below: too little for PESQ and STOI
MIN_ENROLLMENT_S = 0.1


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a value is missing.

    ``kind``: "est" (penalty), "ref" or "pesq_long" (exclusion), "crash" (it killed the scoring process: penalty,
    or exclusion if the data alone kill it), "n/a" (the metric does not apply to this utterance).
    """

    kind: str
    reason: str


class MetricFault(Exception):
    """Raised by a metric that cannot be computed on readable, non-silent input."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.fault = Fault(kind, reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A metric of an utterance: a value, a penalty with its fault, or None with its fault."""

    value: float | None
    fault: Fault | None = None

    @property
    def applicable(self) -> bool:
        return self.fault is None or self.fault.kind != NOT_APPLICABLE

    @property
    def excluded(self) -> bool:
        return self.value is None and self.applicable

    @property
    def penalised(self) -> bool:
        return self.value is not None and self.fault is not None
