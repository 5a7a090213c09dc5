"""Who speaks when in a mixture: the target in turns, interferers beside it and in its pauses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from espnet_tse.data.enrollment import Span

FRAME_S = 0.01  # of the energies among which a pause is sought
REACH_S = (
    0.25  # a turn ends at the quietest frame this near to the drawn place: within a pause, not within a word
)
SHORTEST_TURN_S = 0.2

# Ranges of a share with their probabilities: (low, high, probability), uniform within a range.
Histogram = tuple[tuple[float, float, float], ...]


def checked_histogram(name: str, value: Any, high: float = 1.0) -> Histogram:
    """A share's distribution: ``[low, high]``, or a list of ``[low, high, weight]``.

    Args:
        name: of the option, for messages.
        high: largest share that is allowed.
    Raises:
        ValueError: of another form, or out of range.
    """
    try:
        rows = [tuple(float(number) for number in row) for row in value] if _nested(value) else None
        rows = rows or [(float(value[0]), float(value[1]), 1.0)]
        wrong = len(value) != 2 if not _nested(value) else any(len(row) != 3 for row in rows)
    except (TypeError, ValueError, IndexError, KeyError):
        wrong, rows = True, []
    if wrong:
        raise ValueError(
            f"{name}: wants two numbers [low, high], or a list of ranges [low, high, weight], got {value!r}"
        )
    for low, upper, weight in rows:
        if not 0.0 <= low <= upper <= high or not 0.0 <= weight < np.inf:
            raise ValueError(
                f"{name}: wants 0 <= low <= high <= {high:g} and weights of at least 0, got {value!r}"
            )
    total = sum(weight for _, _, weight in rows)
    if total <= 0:
        raise ValueError(f"{name}: one of the weights must be above 0, got {value!r}")
    return tuple((low, upper, weight / total) for low, upper, weight in rows if weight > 0)


def _nested(value: Any) -> bool:
    return len(value) > 0 and isinstance(value[0], (list, tuple))


def draw_share(histogram: Histogram, generator: np.random.Generator) -> float:
    """A share; of a single range only the place within it is drawn."""
    index = 0
    if len(histogram) > 1:
        index = int(generator.choice(len(histogram), p=[weight for _, _, weight in histogram]))
    low, high, _ = histogram[index]
    return float(generator.uniform(low, high))


@dataclass(frozen=True)
class Turns:
    """Where the target speaks in a mixture of ``num_samples`` samples: spans in order, not overlapping."""

    spans: tuple[Span, ...]
    num_samples: int

    @property
    def speech(self) -> np.ndarray:
        """Whether the target speaks, (num_samples,) bool."""
        speech = np.zeros(self.num_samples, dtype=bool)
        for span in self.spans:
            speech[span.start : span.end] = True
        return speech

    @property
    def gaps(self) -> list[Span]:
        """Where it does not."""
        edges = [0, *(edge for span in self.spans for edge in (span.start, span.end)), self.num_samples]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [Span(start, end - start) for start, end in pairs if end > start]

    def spread(self, signal: np.ndarray) -> np.ndarray:
        """The beginning of ``signal`` (num_samples,) in the turns, silence between them; (num_samples,)."""
        spread, begin = np.zeros_like(signal), 0
        for span in self.spans:
            spread[span.start : span.end] = signal[begin : begin + span.num_samples]
            begin += span.num_samples
        return spread


def draw_turns(
    signal: np.ndarray,
    sample_rate: int,
    silence: float,
    num_turns: int,
    generator: np.random.Generator,
) -> Turns:
    """Turns of a target that is silent in a share of its mixture.

    Turns and pauses have random lengths; a turn ends where the signal is quietest near its drawn end. The first turn may
    begin late, and the last one end early.

    Args:
        signal: (N,), of which the first N - round(silence N) samples are said.
        silence: share of the mixture, 0 to below 1.
        num_turns: at most; without silence there is one.
    """
    total = len(signal)
    silent = min(round(silence * total), total - 1)
    if silent == 0:
        return Turns((Span(0, total),), total)
    speech = total - silent
    cuts = _cuts(signal, sample_rate, speech, num_turns, generator)
    lengths = np.diff([0, *cuts, speech])
    pauses = np.diff([0, *np.sort(generator.integers(0, silent + 1, size=len(lengths)))])
    ends = np.cumsum(pauses + lengths)
    return Turns(tuple(Span(int(end - length), int(length)) for end, length in zip(ends, lengths)), total)


def _cuts(
    signal: np.ndarray, sample_rate: int, speech: int, num_turns: int, generator: np.random.Generator
) -> list[int]:
    """Where turns end but for the last one, of ``speech`` samples; none is shorter than ``SHORTEST_TURN_S``."""
    shortest, cuts = round(SHORTEST_TURN_S * sample_rate), [0]
    for cut in np.sort(generator.integers(1, max(2, speech), size=num_turns - 1)):
        place = _quiet_place(signal, int(cut), sample_rate, speech)
        if place >= cuts[-1] + shortest and place <= speech - shortest:
            cuts.append(place)
    return cuts[1:]


def _quiet_place(signal: np.ndarray, cut: int, sample_rate: int, end: int) -> int:
    """The beginning of the quietest frame near ``cut``, from 1 to below ``end``."""
    frame, reach = max(1, round(FRAME_S * sample_rate)), round(REACH_S * sample_rate)
    start, stop = max(1, cut - reach), min(end, cut + reach)
    count = (stop - start) // frame
    if count < 2:
        return max(1, min(cut, end - 1))
    frames = signal[start : start + count * frame].reshape(count, frame)
    return start + int(np.square(frames).sum(axis=1).argmin()) * frame
