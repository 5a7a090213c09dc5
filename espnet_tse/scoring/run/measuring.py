"""Values of measures on signals: computed by the networks and tools, or taken from the caches."""

import base64
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from espnet_tse.scoring.asr.recognisers import make_recogniser
from espnet_tse.scoring.measure.audio import RATE, Signal, fault_of, fit_length
from espnet_tse.scoring.measure.failure import EST, MIN_REFERENCE_S, REF, MetricFault
from espnet_tse.scoring.measure.measures import Compute, make_measure
from espnet_tse.scoring.measure.registry import EMBEDDINGS, MEASURES, PAIRED
from espnet_tse.scoring.run.cache import Cache, cache_key
from espnet_tse.scoring.run.job import WorkerPlan


@dataclass
class Uses:
    """What one utterance used: cache entries of its estimate, and how many values were computed or cached."""

    estimate_keys: list[str] = field(default_factory=list)
    computed: int = 0
    cached: int = 0


class Measurer:
    """Runs measures; a network is loaded when the first value needs it."""

    def __init__(self, plan: WorkerPlan):
        self.plan = plan
        self.estimates = Cache(plan.estimate_cache)
        shared = plan.reference_cache != plan.estimate_cache
        self.references = Cache(plan.reference_cache) if shared else self.estimates
        self._computes: dict[str, Compute] = {}
        self._recognisers = {spec.measure: spec for spec in plan.recognisers}

    def flush(self) -> None:
        """Write all new values to disk."""
        self.estimates.flush()
        self.references.flush()

    def close(self) -> None:
        """Close the caches and the children of measures."""
        self.estimates.close()
        self.references.close()
        for compute in self._computes.values():
            if hasattr(compute, "close"):
                compute.close()
        self._computes.clear()

    def files(self) -> list:
        """Cache files that were written."""
        return sorted({cache.path for cache in (self.estimates, self.references) if cache.path})

    def measure(self, uses: Uses, measure: str, *signals: Signal, of_estimate: bool) -> Any:
        """Value of ``measure`` on ``signals`` from a cache or computed now.

        Values that involve no estimate go to the cache that all systems share.

        Args:
            signals: at one rate; a measure that takes another gets them resampled.

        Raises:
            MetricFault: also when the cache remembers one.
        """
        own_rate = self._rate_of(measure)
        signals = [signal.at(own_rate or signal.rate) for signal in signals]
        rate = signals[0].rate
        policies = [self.plan.length] if measure in PAIRED else []
        if own_rate is None and rate != RATE:
            policies.append(f"{rate} Hz")
        key = cache_key(self.plan.identities[measure], *policies, *(s.sha1 for s in signals))
        own = self.estimates if of_estimate else self.references
        if of_estimate:
            uses.estimate_keys.append(key)
        for cache in (own, self.references):
            if key in cache:
                uses.cached += 1
                return self._unwrap(cache[key])
        uses.computed += 1
        arrays = [s.samples for s in signals]
        try:
            arrays = self._pair(arrays, rate) if measure in PAIRED else arrays
            value = self._compute(measure, arrays if own_rate else [*arrays, rate])
            numbers = value if isinstance(value, list) else [value] if isinstance(value, float) else []
            if not all(math.isfinite(number) for number in numbers):
                raise MetricFault(EST, f"{measure}: returned {value}")
        except MetricFault as error:
            value = {"fault": [error.fault.kind, error.fault.reason]}
        own.put(key, value)
        return self._unwrap(value)

    def _rate_of(self, measure: str) -> int | None:
        """Hz that a measure or recogniser takes; None: the rate of the data."""
        spec = self._recognisers.get(measure)
        return MEASURES[spec.kind if spec else measure].rate

    @staticmethod
    def _unwrap(value: Any) -> Any:
        if isinstance(value, dict):
            raise MetricFault(*value["fault"])
        return value

    def _pair(self, arrays: list[np.ndarray], rate: int) -> list[np.ndarray]:
        """Bring (target, estimate) at ``rate`` Hz to one length by the ``--length`` policy."""
        target, estimate = arrays
        if self.plan.length == "strict" and len(target) != len(estimate):
            raise MetricFault(
                EST, f"length {len(estimate)} is not the target's {len(target)} (--length strict)"
            )
        count = len(target) if self.plan.length == "ref" else min(len(target), len(estimate))
        target, estimate = target[:count], fit_length(estimate, count)
        # The cut may remove everything; what is left of an estimate must not count as bad data.
        if reason := fault_of(estimate, rate, MIN_REFERENCE_S):
            raise MetricFault(EST, f"after fitting to the target's length: {reason}")
        if reason := fault_of(target, rate):
            raise MetricFault(
                EST if self.plan.length == "min" else REF, f"target cut to {count} samples: {reason}"
            )
        return [target, estimate]

    def _compute(self, measure: str, arguments: list[np.ndarray | int]) -> Any:
        """Run a measure; the result is what JSON can hold."""
        if measure not in self._computes:
            spec = self._recognisers.get(measure)
            self._computes[measure] = (
                make_recogniser(spec) if spec else make_measure(measure, self.plan.weights)
            )
        value = self._computes[measure](*arguments)
        if measure in EMBEDDINGS:
            if not np.isfinite(value).all():
                raise MetricFault(EST, f"{measure}: no finite embedding")
            return base64.b64encode(value.astype("<f4").tobytes()).decode()
        return value

    def similarity(
        self, uses: Uses, measure: str, estimate: Signal, other: Signal, *, of_estimate: bool
    ) -> float:
        """Cosine of the embeddings; a fault of ``other``'s embedding is one of the data."""
        first = self.measure(uses, measure, estimate, of_estimate=of_estimate)
        try:
            second = self.measure(uses, measure, other, of_estimate=False)
        except MetricFault as error:
            raise MetricFault(REF, error.fault.reason) from error
        a, b = (np.frombuffer(base64.b64decode(x), "<f4").astype(np.float64) for x in (first, second))
        return float(np.clip(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)), -1.0, 1.0))
