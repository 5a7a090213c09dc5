"""Who is enrolled by what; our own list, which anybody can draw again.

A row is a mixture and the number of its target speaker. Held-out sets have one fixed enrollment a row; in training an
enrollment is drawn each epoch from a pool of the speaker's utterances.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from espnet_tse.data.librimix.metadata import MixtureSpec
from espnet_tse.data.librispeech import Utterance
from espnet_tse.io.scp import DataError

Row = tuple[str, int]  # mixture, number of its target speaker from 1
SHORTEST_S = 3.0  # of an enrollment, as in SpeakerBeam's training


@dataclass(frozen=True)
class Enrollment:
    """An utterance that enrolls a row."""

    path: Path
    utterance: str | None  # its id; None where only the audio was published


def by_speaker(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """Speaker -> utterances, in their order."""
    speakers: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        speakers.setdefault(utterance.speaker, []).append(utterance)
    return speakers


def own_enrollments(
    specs: Sequence[MixtureSpec],
    targets: Sequence[int],
    utterances: Sequence[Utterance],
    duration_s: Callable[[Utterance], float],
    seed: int = 0,
) -> dict[Row, Enrollment]:
    """Our own list: whole LibriSpeech utterances, of another chapter than the target wherever the speaker has one.

    Of the candidates the one whose SHA-256 with seed, mixture and target is least is taken: no generator, no order of rows
    or of a folder enters, so anybody who has the corpus has this list.

    Args:
        duration_s: of an utterance; those shorter than ``SHORTEST_S`` enroll only where there is no other.
    Raises:
        DataError: a target's speaker has no other utterance.
    """
    pool = by_speaker(utterances)
    chosen: dict[Row, Enrollment] = {}
    for spec in specs:
        for number in targets:
            utterance, speaker = spec.utterances[number - 1], spec.speakers[number - 1]
            others = [other for other in pool.get(speaker, []) if other.key != utterance]
            if not others:
                raise DataError(
                    f"{spec.mixture_id}: speaker '{speaker}' has no other utterance than '{utterance}'; is LIBRISPEECH whole?"
                )
            candidates = [other for other in others if duration_s(other) >= SHORTEST_S] or others
            chapter = utterance.rpartition("-")[0]
            candidates = [other for other in candidates if other.chapter != chapter] or candidates
            name = f"{seed} {spec.mixture_id} {utterance}"
            best = min(candidates, key=lambda other: hashlib.sha256(f"{name} {other.key}".encode()).digest())
            chosen[spec.mixture_id, number] = Enrollment(best.path, best.key)
    return chosen
