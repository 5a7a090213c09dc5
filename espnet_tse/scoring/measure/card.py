"""What a measure and a metric are: the entries of the registry.

A ``Measure`` is something computed from signals and cached (one network run may serve four metrics); a
``MetricCard`` is a column of the results. Only the standard library is imported here.
"""

from dataclasses import dataclass, field
from typing import Literal

# pair: of (target, estimate) at one length; match: values of (target, estimate) at their natural lengths; absence: of
# (mixture, estimate) where there is no target; scene: of the data alone; signal: values of one signal; embedding: a
# vector of one signal, compared by cosine; words: text of one signal; derived: arithmetic on other measures or on the
# samples.
Kind = Literal["pair", "match", "absence", "scene", "signal", "embedding", "words", "derived"]


@dataclass(frozen=True)
class Measure:
    """Something computed once per signal (or pair of signals) and cached by content.

    ``rate``: Hz of the signals that it takes, to which others are resampled; None: the rate of the data.
    Raise ``version`` whenever its numbers change: caches and signatures follow it.
    ``packages`` are distributions that must be installed and ``extra`` of this package brings, ``tools`` those
    whose version does not matter to the numbers; ``weights`` names of the table in ``weight_files.py``,
    ``longest_s`` what the network takes at once (longer signals are cut into equal parts and flagged
    ``chunked``), ``cost_ms`` CPU milliseconds per 5 s signal (for DNSMOS of the first window of 9.01 s, for
    Whisper per window of 30 s) for the estimate of the running time.
    """

    name: str
    version: int
    kind: Kind
    settings: dict = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    cost_ms: float = 0.0
    extra: str = "score"
    longest_s: float | None = None
    rate: int | None = 16000
    tools: tuple[str, ...] = ()

    @property
    def needed_packages(self) -> tuple[str, ...]:
        return (*self.packages, *self.tools)


@dataclass(frozen=True)
class MetricCard:
    """One column of the results.

    ``direction``: "up" (higher is better), "down" or "none" (diagnostic). ``inputs``: the scp files it
    needs, "inf" being the estimate. ``trap``: what misleads a reader of its figures. ``penalty``: the value an
    estimate-side failure gets.
    ``low``/``high``: the valid range; a value beyond its worse end is brought to it, so that no output can score
    worse than a missing one (ESTOI of an uncorrelated output may come out slightly negative).
    ``natural_length``: computed on the estimate as it is, not cut to the target's length.
    ``position``: of its value in the list that a measure returns. ``mapped``: the cosine c is shown as
    (c + 1) / 2. ``when``: the utterances it applies to, those with the target "present", "absent", or "always".
    """

    name: str
    measure: str
    title: str
    direction: str
    inputs: tuple[str, ...]
    definition: str
    trap: str
    ceiling: float | None = None
    penalty: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    natural_length: bool = False
    position: int = 0
    mapped: bool = False
    when: Literal["present", "absent", "always"] = "present"

    @property
    def higher_is_better(self) -> bool | None:
        return {"up": True, "down": False, "none": None}[self.direction]
