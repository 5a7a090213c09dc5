"""PESQ (ITU-T P.862) in a disposable child process.

The C code of the pesq package segfaults once it detects more than about 50 bursts of speech (measured:
60 bursts in 48 s, 150 s of continuous speech). One child serves a whole job and is started again after a
crash, so the isolation costs one copy of the samples per call.
"""

import numpy as np

from espnet_tse.io.audio import resample
from espnet_tse.scoring.measure.child import ChildProcess
from espnet_tse.scoring.measure.failure import EST, PESQ_LONG, REF, MetricFault
from espnet_tse.scoring.measure.pesq_server import HEADER

MAX_S = 30.0


class PesqProcess(ChildProcess):
    """Callable PESQ; close it when done (or use it as a context manager)."""

    def __init__(self) -> None:
        super().__init__("espnet_tse.scoring.measure.pesq_server")

    def _pesq(self, target: np.ndarray, estimate: np.ndarray, rate: int, mode: str) -> dict | None:
        signals = (np.ascontiguousarray(samples, np.float64).tobytes() for samples in (target, estimate))
        return self.ask(HEADER.pack(mode.encode(), rate, len(target)), *signals)

    def __call__(
        self, target: np.ndarray, estimate: np.ndarray, rate: int = 16000, mode: str = "wb"
    ) -> float:
        """PESQ of (N,) signals.

        Args:
            target: (N,) at ``rate`` Hz.
            estimate: (N,).
            mode: "wb" (16 kHz) or "nb" (8 kHz).
        Raises:
            ValueError: different lengths (the package would not notice).
            MetricFault: longer than 30 s or crashed (``pesq_long``); refused by PESQ: fault of the data
                if the target against itself is refused too, else of the estimate.
        """
        if target.shape != estimate.shape:
            raise ValueError(f"target {target.shape} and estimate {estimate.shape} must have one shape.")
        if len(target) > MAX_S * rate:
            raise MetricFault(PESQ_LONG, f"pesq: {len(target) / rate:.1f} s is longer than {MAX_S:.0f} s")
        reply = self._pesq(target, estimate, rate, mode)
        if reply is None:
            raise MetricFault(PESQ_LONG, "pesq: native crash (too many bursts of speech)")
        if "value" in reply:
            return reply["value"]
        itself = self._pesq(target, target, rate, mode)
        kind = EST if itself and "value" in itself else REF
        raise MetricFault(kind, f"pesq: {reply['error']}")


class NarrowBandPesq(PesqProcess):
    """PESQ at 8 kHz of signals at any rate."""

    def __call__(self, target: np.ndarray, estimate: np.ndarray, rate: int) -> float:
        """PESQ-NB of (N,) signals at ``rate`` Hz; raises as ``PesqProcess``."""
        low = (resample(samples, rate, 8000) for samples in (target, estimate))
        return super().__call__(*low, rate=8000, mode="nb")
