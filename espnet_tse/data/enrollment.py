"""Choosing and cropping the enrollment."""

from dataclasses import dataclass
from typing import Sequence

import numpy as np


@dataclass(frozen=True)
class Span:
    """Samples ``start`` .. ``start + num_samples`` of an utterance."""

    start: int
    num_samples: int

    @property
    def end(self) -> int:
        return self.start + self.num_samples


def crop_span(
    length: int, num_samples: int | None, generator: np.random.Generator, multiple: int = 1
) -> Span:
    """A random crop, or everything when ``num_samples`` is None or no less than ``length``.

    Args:
        length: samples there are.
        num_samples: samples wanted; rounded down to a multiple of ``multiple`` when cropping.
        multiple: the crop begins at a multiple of it, so that whole codec frames are cut.
    """
    cropped = cropped_length(length, num_samples, multiple)
    if cropped == length:
        return Span(0, length)
    return Span(int(generator.integers((length - cropped) // multiple + 1)) * multiple, cropped)


def cropped_length(length: int, num_samples: int | None, multiple: int = 1) -> int:
    """Samples of ``crop_span``, wherever it lies."""
    if num_samples is None or length <= num_samples:
        return length
    return min(length, max(multiple, num_samples - num_samples % multiple))


def choose_other(candidates: Sequence[str], excluded: str, generator: np.random.Generator) -> str:
    """One of ``candidates`` that is not ``excluded``; a single draw, never a search loop.

    Raises:
        ValueError: nothing is left to choose from.
    """
    others = [candidate for candidate in candidates if candidate != excluded]
    if not others:
        raise ValueError(f"there is no other utterance than '{excluded}' to enroll the speaker with.")
    return others[int(generator.integers(len(others)))]


@dataclass(frozen=True)
class DisjointLengths:
    """How an utterance is shared between target and enrollment; all in samples."""

    target: int
    enrollment: int
    gap: int


def share_utterance(
    length: int, target: int | None, enrollment: int, gap: int, multiple: int, minimum: int
) -> DisjointLengths | None:
    """Lengths of a target and an enrollment region that fit one utterance at least ``gap`` apart.

    Where the wanted lengths do not fit, both shrink in proportion. The result depends on the lengths
    only, so that the length of every training example is known beforehand.

    Args:
        length: of the utterance.
        target: wanted, None for as much as the enrollment leaves.
        enrollment: wanted.
        gap: between the two.
        multiple: the target begins at and lasts a multiple of it.
        minimum: of both; shorter regions are of no use.
    Returns:
        None where the utterance is too short.
    """
    available = length - gap - (multiple - 1)  # the target's start is rounded up to a multiple
    if target is None:
        target = max(available - enrollment, available // 2)
    if target + enrollment > available:
        target = max(0, available) * target // (target + enrollment)
    target = max(multiple, target - target % multiple)
    enrollment = min(enrollment, available - target)
    if min(target, enrollment) < max(1, minimum):
        return None
    return DisjointLengths(target, enrollment, gap)


def place_disjoint(
    length: int, lengths: DisjointLengths, generator: np.random.Generator, multiple: int
) -> tuple[Span, Span]:
    """Random places for both regions, target first or enrollment first.

    Returns:
        target span (start a multiple of ``multiple``) and enrollment span.
    """
    target, enrollment, gap = lengths.target, lengths.enrollment, lengths.gap
    slack = length - target - enrollment - gap
    if generator.integers(2):
        first = int(generator.integers(slack + 1))
        target_start = first - first % multiple
        low = target_start + target + gap
        return Span(target_start, target), Span(
            int(generator.integers(low, length - enrollment + 1)), enrollment
        )
    highest = (length - target) // multiple  # counted in multiples, as `low` is
    low = -(-(enrollment + gap) // multiple)
    target_start = int(generator.integers(low, highest + 1)) * multiple
    enrollment_start = int(generator.integers(target_start - gap - enrollment + 1))
    return Span(target_start, target), Span(enrollment_start, enrollment)


def with_pause(signal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A signal (N,) whose end is lost to a pause of up to half of its length, somewhere in it or at an end."""
    pause = int(generator.integers(len(signal) // 2 + 1))
    start = int(generator.integers(len(signal) - pause + 1))
    paused = signal.copy()
    paused[start + pause :] = signal[start : len(signal) - pause]
    paused[start : start + pause] = 0.0
    return paused
