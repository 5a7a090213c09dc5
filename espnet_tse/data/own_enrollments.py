"""Who is enrolled by what; our own list, which anybody can draw again.

A row is a mixture and the number of its target speaker. Held-out sets have one fixed enrollment a row; in training an
enrollment is drawn each epoch from a pool of the speaker's utterances.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Protocol, Sequence, TypeVar

from espnet_tse.data.audio_files import read_info
from espnet_tse.io.scp import DataError

Row = tuple[str, int]  # mixture, number of its target speaker from 1
SHORTEST_S = 3.0  # of an enrollment, as in SpeakerBeam's training


class Spoken(Protocol):
    """An utterance of a speech corpus."""

    key: str
    path: Path

    @property
    def speaker(self) -> str: ...

    @property
    def chapter(self) -> str:
        """What was read at one time: utterances of another chapter were recorded on another occasion."""


class Mixed(Protocol):
    """A mixture of utterances."""

    mixture_id: str

    @property
    def utterances(self) -> tuple[str, ...]: ...

    @property
    def speakers(self) -> tuple[str, ...]: ...


Speech = TypeVar("Speech", bound=Spoken)


@dataclass(frozen=True)
class Enrollment:
    """An utterance that enrolls a row."""

    path: Path
    utterance: str | None  # its id; None where only the audio was published


def by_speaker(utterances: Sequence[Speech]) -> dict[str, list[Speech]]:
    """Speaker -> utterances, in their order."""
    speakers: dict[str, list[Speech]] = {}
    for utterance in utterances:
        speakers.setdefault(utterance.speaker, []).append(utterance)
    return speakers


def duration_s(utterance: Spoken) -> float:
    info = read_info(utterance.path, utterance.key)
    return info.num_samples / info.sample_rate


def remembered(measure: Callable[[Speech], float]) -> Callable[[Speech], float]:
    """A measure that looks at each utterance once."""
    known: dict[str, float] = {}

    def look_up(utterance: Speech) -> float:
        if utterance.key not in known:
            known[utterance.key] = measure(utterance)
        return known[utterance.key]

    return look_up


def long_enough(utterances: list[Speech]) -> list[Speech]:
    """Those of ``SHORTEST_S`` at least; all, where fewer than two are: one may be the target."""
    long = [utterance for utterance in utterances if duration_s(utterance) >= SHORTEST_S]
    return long if len(long) > 1 else utterances


def own_enrollments(
    specs: Sequence[Mixed],
    targets: Sequence[int],
    utterances: Sequence[Spoken],
    duration_s: Callable[[Spoken], float],
    seed: int = 0,
    variable: str = "LIBRISPEECH",
) -> dict[Row, Enrollment]:
    """Our own list: whole utterances of the corpus, of another chapter than the target wherever the speaker has one.

    Of the candidates the one whose SHA-256 with seed, mixture and target is least is taken: no generator, no order of rows
    or of a folder enters, so anybody who has the corpus has this list.

    Args:
        utterances: of the corpus, the targets' own among them.
        duration_s: of an utterance; those shorter than ``SHORTEST_S`` enroll only where there is no other.
        variable: names the corpus, for the message.
    Raises:
        DataError: a target's speaker has no other utterance.
    """
    pool = by_speaker(utterances)
    chapters = {utterance.key: utterance.chapter for utterance in utterances}
    chosen: dict[Row, Enrollment] = {}
    for spec in specs:
        for number in targets:
            utterance, speaker = spec.utterances[number - 1], spec.speakers[number - 1]
            others = [other for other in pool.get(speaker, []) if other.key != utterance]
            if not others:
                raise DataError(
                    f"{spec.mixture_id}: speaker '{speaker}' has no other utterance than '{utterance}'; is {variable} whole?"
                )
            candidates = [other for other in others if duration_s(other) >= SHORTEST_S] or others
            chapter = chapters.get(utterance)
            candidates = [other for other in candidates if other.chapter != chapter] or candidates
            name = f"{seed} {spec.mixture_id} {utterance}"
            best = min(candidates, key=lambda other: hashlib.sha256(f"{name} {other.key}".encode()).digest())
            chosen[spec.mixture_id, number] = Enrollment(best.path, best.key)
    return chosen
