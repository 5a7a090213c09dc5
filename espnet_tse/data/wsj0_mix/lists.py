"""``data/<set>`` of WSJ0-2mix, WHAM! and WHAMR!: one row a mixture and target speaker, enrolled after a protocol with a name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from espnet_tse.data.own_enrollments import (
    Enrollment,
    Row,
    by_speaker,
    duration_s,
    long_enough,
    own_enrollments,
    remembered,
)
from espnet_tse.data.prepared_set import (
    UNPUBLISHED,
    Pool,
    PreparedSet,
    drawn_enrollments,
    row_key,
    row_lists,
)
from espnet_tse.data.scp_fields import SPEAKERS_OF_TRAIN
from espnet_tse.data.targets import Lists
from espnet_tse.data.wsj0 import Wsj0Utterance, find_wsj0_utterances, speaker_of
from espnet_tse.data.wsj0_mix.layout import SUBSETS, TITLES, Wsj0MixSet, sources_of
from espnet_tse.data.wsj0_mix.mixtures import Wsj0Mixture
from espnet_tse.data.wsj0_mix.published_enrollments import spex_enrollments
from espnet_tse.io.scp import DataError

# Protocol -> whose list the held-out sets have, and how they are named in the scores.
ENROLLMENTS = {"own": ("", ", our enrollments"), "spex": ("SpEx+", ", SpEx+'s enrollments")}


@dataclass(frozen=True)
class Protocol:
    """How the rows of a set are made."""

    enrollment: str  # of ENROLLMENTS
    targets: tuple[int, ...]  # numbers of the speakers that are targets
    kind: str  # clean, both, single
    wsj0: Path  # holds si_tr_s ...
    lists: Path | None = None  # folder of the published enrollments
    published: bool = True  # the corpus's own mixtures


def held_out_set(target: Wsj0MixSet, mixtures: Sequence[Wsj0Mixture], protocol: Protocol) -> PreparedSet:
    """A set with one fixed enrollment a row.

    Raises:
        DataError: WSJ0 or a list is missing or lacks something.
    """
    enrollments = _fixed_enrollments(target, mixtures, protocol)
    values = {row: str(enrollment.path) for row, enrollment in enrollments.items()}
    lists = _rows(target, mixtures, protocol, values)
    lists["utt2enrollspk"] = {
        row_key(*row, protocol.targets): speaker_of(enrollment.utterance)
        for row, enrollment in enrollments.items()
    }
    return PreparedSet(lists, {}, _description(target, protocol))


def training_set(target: Wsj0MixSet, mixtures: Sequence[Wsj0Mixture], protocol: Protocol) -> PreparedSet:
    """A set whose enrollments are drawn in training; SpEx+'s are fixed.

    Raises:
        DataError: as ``held_out_set``.
    """
    if protocol.enrollment == "spex":
        return held_out_set(target, mixtures, protocol)
    values = drawn_enrollments(mixtures, protocol.targets)
    lists = _rows(target, mixtures, protocol, values)
    return PreparedSet(lists, _pool(target, mixtures, protocol), _description(target, protocol))


def _rows(
    target: Wsj0MixSet, mixtures: Sequence[Wsj0Mixture], protocol: Protocol, enrollments: dict[Row, str]
) -> Lists:
    sources = sources_of(protocol.kind)
    return row_lists([(target, mixtures)], protocol.targets, f"mix_{protocol.kind}", sources, enrollments)


def _pool(target: Wsj0MixSet, mixtures: Sequence[Wsj0Mixture], protocol: Protocol) -> Pool:
    speakers = by_speaker(_enrolling(target, mixtures, protocol))
    pool: Pool = {}
    for speaker in sorted({mixture.speakers[n - 1] for mixture in mixtures for n in protocol.targets}):
        own = speakers.get(speaker, [])
        if len(own) < 2:
            raise DataError(
                f"{protocol.wsj0}: has {len(own)} utterance(s) of speaker '{speaker}'; is WSJ0 whole?"
            )
        pool[speaker] = [(utterance.key, str(utterance.path)) for utterance in long_enough(own)]
    return pool


def _enrolling(
    target: Wsj0MixSet, mixtures: Sequence[Wsj0Mixture], protocol: Protocol
) -> list[Wsj0Utterance]:
    """What enrollments are drawn from: utterances that are mixed in the set, so that the list is everybody's.

    Of these it is known which there are; were others drawn from, too, a copy of WSJ0 that lacks some would silently give
    another list. For mixtures of one's own it is all that is there.

    Raises:
        DataError: WSJ0 lacks utterances of the published mixtures.
    """
    utterances = find_wsj0_utterances(protocol.wsj0, SUBSETS[target.name])
    if not protocol.published:
        return utterances
    mixed = {utterance for mixture in mixtures for utterance in mixture.utterances}
    lost = sorted(mixed - {utterance.key for utterance in utterances})
    if lost:
        raise DataError(
            f"{protocol.wsj0}: lacks {len(lost)} of the {len(mixed)} utterances that are mixed in {target.name}, first "
            f"'{lost[0]}'; the list of enrollments would be another one. Convert all of {' and '.join(SUBSETS[target.name])}, "
            "or take a published list (--enrollment spex)."
        )
    return [utterance for utterance in utterances if utterance.key in mixed]


def _fixed_enrollments(
    target: Wsj0MixSet, mixtures: Sequence[Wsj0Mixture], protocol: Protocol
) -> dict[Row, Enrollment]:
    if protocol.enrollment == "own":
        utterances = _enrolling(target, mixtures, protocol)
        return own_enrollments(
            mixtures, protocol.targets, utterances, remembered(duration_s), variable="WSJ0"
        )
    if protocol.lists is None:
        raise DataError(
            "enrollment 'spex' reads a published list; ENROLLMENT_LISTS names its folder (README.md of the recipe says "
            "where it comes from)."
        )
    utterances = find_wsj0_utterances(protocol.wsj0, SUBSETS[target.name])
    known = {utterance.key: utterance for utterance in utterances}
    return spex_enrollments(mixtures, protocol.targets, target.name, protocol.lists, known)


def _description(target: Wsj0MixSet, protocol: Protocol) -> dict[str, object]:
    """Lines of the file ``protocol``; ``list`` decides which published figures may stand beside the scores."""
    owner, suffix = ENROLLMENTS[protocol.enrollment]
    speakers = "" if protocol.targets == (1,) else ", speakers " + " ".join(map(str, protocol.targets))
    unpublished = "" if protocol.published else UNPUBLISHED
    described: dict[str, object] = {
        "list": f"{TITLES[target.corpus]} {target.name}{speakers}{suffix}{unpublished}",
        "sample_rate": target.sample_rate,
        "mode": target.mode,
        "kind": protocol.kind,
        "enrollment": protocol.enrollment,
    }
    if target.room:
        described |= {"room": target.room, "target": target.target_room}
    if target.name == "cv":
        described["speakers"] = SPEAKERS_OF_TRAIN
    if not target.adds_up:
        described["sources"] = "not the addends of the mixture"
    if owner:
        described["published"] = owner
    return described
