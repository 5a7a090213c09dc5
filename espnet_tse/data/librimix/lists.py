"""``data/<set>`` of LibriMix: one row a mixture and target speaker, enrolled after a protocol with a name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from espnet_tse.data.librimix.layout import LibriMixSet, addends
from espnet_tse.data.librimix.metadata import SUBSETS, MixtureSpec
from espnet_tse.data.librimix.published_enrollments import (
    espnet_enrollments,
    espnet_lists,
    laura_enrollments,
    laura_training,
    speakerbeam_enrollments,
)
from espnet_tse.data.librispeech import Utterance, find_utterances, transcripts_of
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
from espnet_tse.data.targets import Lists
from espnet_tse.io.scp import DataError

# Protocol -> whose list the held-out sets have, and how they are named in the scores.
ENROLLMENTS = {
    "own": ("", ", our enrollments"),
    "speakerbeam": ("SpeakerBeam", ", SpeakerBeam's enrollments"),
    "laura": ("LauraTSE", ""),
    "espnet": ("ESPnet", ", ESPnet's enrollments"),
}


@dataclass(frozen=True)
class Protocol:
    """How the rows of a set are made."""

    enrollment: str  # of ENROLLMENTS
    targets: tuple[int, ...]  # numbers of the speakers that are targets
    kind: str  # clean, both, single
    librispeech: Path | None = None
    lists: Path | None = None  # folder of the published lists
    published: bool = True  # LibriMix's own mixtures, LibriSpeech whole

    def require_lists(self) -> Path:
        """The folder of a published list.

        Raises:
            DataError: none was named.
        """
        if self.lists is None:
            raise DataError(
                f"enrollment '{self.enrollment}' reads a published list; ENROLLMENT_LISTS names its folder (README.md of "
                "the recipe says where it comes from)."
            )
        return self.lists


def held_out_set(target: LibriMixSet, specs: Sequence[MixtureSpec], protocol: Protocol) -> PreparedSet:
    """A set with one fixed enrollment a row.

    Raises:
        DataError: LibriSpeech or a list is missing or lacks something.
    """
    enrollments = _held_out_enrollments(target, specs, protocol)
    lists = _row_lists([(target, specs)], protocol, {row: str(e.path) for row, e in enrollments.items()})
    if all(enrollment.utterance for enrollment in enrollments.values()):
        lists["utt2enrollspk"] = {
            row_key(*row, protocol.targets): enrollment.utterance.split("-")[0]
            for row, enrollment in enrollments.items()
        }
    _add_transcripts(lists, target, specs, protocol)
    return PreparedSet(lists, {}, _description(target, protocol))


def training_set(
    parts: Sequence[tuple[LibriMixSet, Sequence[MixtureSpec]]], protocol: Protocol
) -> PreparedSet:
    """One or more sets as one, whose enrollments are drawn in training; LauraTSE's are fixed.

    Raises:
        DataError: as ``held_out_set``.
    """
    specs = [spec for _, specs in parts for spec in specs]
    pool: Pool = {}
    if protocol.enrollment == "laura":
        utterances = [u for target, _ in parts for u in _utterances(target, protocol, drawn=False)]
        fixed = laura_training(specs, utterances, protocol.require_lists())
        values = {row: str(enrollment.path) for row, enrollment in fixed.items()}
    else:
        pool = _training_pool(parts, protocol)
        values = drawn_enrollments(specs, protocol.targets)
    return PreparedSet(_row_lists(parts, protocol, values), pool, _description(parts[0][0], protocol, parts))


def _row_lists(
    parts: Sequence[tuple[LibriMixSet, Sequence[MixtureSpec]]],
    protocol: Protocol,
    enrollments: dict[Row, str],
) -> Lists:
    sources = addends(parts[0][0].num_speakers, protocol.kind)
    return row_lists(parts, protocol.targets, f"mix_{protocol.kind}", sources, enrollments)


def _utterances(target: LibriMixSet, protocol: Protocol, drawn: bool) -> list[Utterance]:
    """Of the set's subset; ``drawn``: they are drawn from, and not only looked up by name."""
    if protocol.librispeech is None:
        raise DataError(
            f"enrollment '{protocol.enrollment}' takes LibriSpeech's utterances; LIBRISPEECH names its folder."
        )
    return find_utterances(protocol.librispeech, SUBSETS[target.name], drawn and protocol.published)


def _held_out_enrollments(
    target: LibriMixSet, specs: Sequence[MixtureSpec], protocol: Protocol
) -> dict[Row, Enrollment]:
    if protocol.enrollment == "speakerbeam":
        return speakerbeam_enrollments(specs, protocol.targets, target, protocol.require_lists())
    if protocol.enrollment == "laura":
        return laura_enrollments(specs, target.name, protocol.require_lists())
    utterances = _utterances(target, protocol, drawn=protocol.enrollment == "own" or protocol.lists is None)
    if protocol.enrollment == "own":
        return own_enrollments(specs, protocol.targets, utterances, remembered(duration_s))
    if protocol.lists is None:
        return espnet_enrollments(specs, protocol.targets, utterances, target.num_speakers)
    known = {utterance.key: utterance for utterance in utterances}
    return espnet_lists(specs, protocol.targets, target.name, protocol.lists, known)


def _training_pool(parts: Sequence[tuple[LibriMixSet, Sequence[MixtureSpec]]], protocol: Protocol) -> Pool:
    """What may enroll in training: utterances of LibriSpeech, or as in SpeakerBeam sources of the set's mixtures."""
    pool: Pool = {}
    for target, specs in parts:
        if protocol.enrollment == "speakerbeam":
            sources = {
                utterance: target.path(f"s{number}", spec.mixture_id)
                for spec in specs
                for number, utterance in enumerate(spec.utterances, 1)
            }
            utterances = [Utterance(key, path) for key, path in sorted(sources.items())]
        else:
            utterances = _utterances(target, protocol, drawn=True)
        wanted = {speaker for spec in specs for speaker in spec.speakers}
        for speaker, own in by_speaker(utterances).items():
            if speaker in wanted:
                chosen = own if protocol.enrollment == "espnet" else long_enough(own)
                pool[speaker] = [(utterance.key, str(utterance.path)) for utterance in chosen]
    return pool


def _description(
    target: LibriMixSet,
    protocol: Protocol,
    parts: Sequence[tuple[LibriMixSet, Sequence[MixtureSpec]]] = (),
) -> dict[str, object]:
    """Lines of the file ``protocol``; ``list`` decides which published figures may stand beside the scores."""
    owner, suffix = ENROLLMENTS[protocol.enrollment]
    names = "+".join(part.name for part, _ in parts) or target.name
    speakers = "" if protocol.targets == (1,) else ", speakers " + " ".join(map(str, protocol.targets))
    unpublished = "" if protocol.published else UNPUBLISHED
    described: dict[str, object] = {
        "list": f"Libri{target.num_speakers}Mix {names}{speakers}{suffix}{unpublished}",
        "sample_rate": target.sample_rate,
        "mode": target.mode,
        "kind": protocol.kind,
        "enrollment": protocol.enrollment,
    }
    if owner:
        described["published"] = owner
    return described


def _add_transcripts(
    lists: Lists, target: LibriMixSet, specs: Sequence[MixtureSpec], protocol: Protocol
) -> None:
    """``text_spk1`` where targets are whole (mode max) and LibriSpeech is there with the words of all of them."""
    if target.mode != "max" or protocol.librispeech is None:
        return
    chapters: dict[str, dict[str, str]] = {}
    words: dict[str, str] = {}
    for spec in specs:
        for number in protocol.targets:
            path = protocol.librispeech / spec.sources[number - 1].path
            utterance = Utterance(path.stem, path)
            if utterance.chapter not in chapters:
                chapters[utterance.chapter] = transcripts_of(utterance)
            if utterance.key not in chapters[utterance.chapter]:
                return
            key = row_key(spec.mixture_id, number, protocol.targets)
            words[key] = chapters[utterance.chapter][utterance.key]
    lists["text_spk1"] = words
