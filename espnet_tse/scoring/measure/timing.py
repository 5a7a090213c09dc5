"""Whether an estimate speaks when the target does, by the times at which the target speaks; no clean target is needed."""

from typing import Sequence

import numpy as np

from espnet_tse.scoring.measure.activity import FRAME, active_frames, frame_energy
from espnet_tse.scoring.measure.audio import RATE, fit_length
from espnet_tse.scoring.measure.failure import NOT_APPLICABLE, MetricFault

FRAME_S = FRAME / RATE
BRIDGE_S = 0.3  # a shorter pause of the estimate is none: people who write times down go on over it, too
COLLAR_S = 0.1  # around the times that a person wrote down, what is heard belongs to neither side
SHORTEST_S = 0.25  # of speech and of pauses that are compared
LOW_DB, HIGH_DB = -100.0, 20.0

Times = Sequence[tuple[float, float]]  # start and end of spans, s


def frames_of(times: Times, num_frames: int, margin_s: float = 0.0) -> np.ndarray:
    """Which frames of 10 ms have their middle in a span that is ``margin_s`` longer on both sides, (T,) bool."""
    middles = (np.arange(num_frames) + 0.5) * FRAME_S
    inside = np.zeros(num_frames, dtype=bool)
    for start, end in times:
        inside |= (middles >= start - margin_s) & (middles < end + margin_s)
    return inside


def bridged(active: np.ndarray) -> np.ndarray:
    """(T,) bool, with pauses between active frames that are shorter than ``BRIDGE_S`` filled."""
    active = active.copy()
    places = np.flatnonzero(active)
    for before, after in zip(places[:-1], places[1:]):
        if after - before - 1 < BRIDGE_S / FRAME_S:
            active[before:after] = True
    return active


def timing_f1(times: Times, estimate: np.ndarray) -> float:
    """F1 of the estimate's active frames against the times at which the target speaks, 0 to 1.

    Args:
        times: not empty.
        estimate: (N,) at 16 kHz.
    """
    heard = bridged(active_frames(estimate))
    return _f1(frames_of(times, _num_frames(times, len(heard))), heard)


def timing_f1_of_times(times: Times, heard: Times) -> float:
    """As ``timing_f1``, of the times that a voice activity detector found in the estimate."""
    num_frames = _num_frames([*times, *heard])
    return _f1(frames_of(times, num_frames), frames_of(heard, num_frames))


def _num_frames(times: Times, at_least: int = 0) -> int:
    return max(at_least, round(max(end for _, end in times) / FRAME_S) + 1)


def _f1(wanted: np.ndarray, heard: np.ndarray) -> float:
    heard = np.pad(heard, (0, len(wanted) - len(heard)))
    return float(2 * np.sum(wanted & heard) / max(1, np.sum(wanted) + np.sum(heard)))


def pause_leak(times: Times, mixture: np.ndarray, estimate: np.ndarray) -> float:
    """How much of the mixture passes while the target is silent, beside what passes while it speaks, in dB.

    10 log10((E_p / M_p) / (E_s / M_s)), E and M the energies of estimate and mixture, p in the target's pauses, s in its
    speech, -100 to 20. The mixture itself has 0, whatever its level.

    Args:
        times: not empty.
        mixture: (N,) at 16 kHz; estimate: (M,), cut or filled with zeros to N.
    Raises:
        MetricFault: of kind "n/a", where speech or pauses are too short, or the mixture is silent in them.
    """
    energies = [
        frame_energy(signal - np.mean(signal)) for signal in (mixture, fit_length(estimate, len(mixture)))
    ]
    speech = frames_of(times, len(energies[0]))
    parts = {"speaks": speech, "pauses": ~frames_of(times, len(energies[0]), COLLAR_S)}
    ratios = {}
    for name, part in parts.items():
        there, passed = (float(energy[part].sum()) for energy in energies)
        if part.sum() * FRAME_S < SHORTEST_S or there == 0:
            raise MetricFault(
                NOT_APPLICABLE,
                f"the target {name} for less than {SHORTEST_S} s, or the mixture is silent there",
            )
        ratios[name] = passed / there
    if ratios["speaks"] == 0:
        return HIGH_DB if ratios["pauses"] else 0.0
    ratio = ratios["pauses"] / ratios["speaks"]
    return float(np.clip(10 * np.log10(max(ratio, 10 ** (LOW_DB / 10))), LOW_DB, HIGH_DB))
