"""Enrollments as publications have them; their lists are read from a folder that the user names, none is shipped."""

import random
from pathlib import Path
from typing import Mapping, Sequence

from espnet_tse.data.librimix.layout import LibriMixSet
from espnet_tse.data.librimix.metadata import MixtureSpec
from espnet_tse.data.librispeech import Utterance
from espnet_tse.data.own_enrollments import Enrollment, Row, by_speaker
from espnet_tse.io.scp import DataError, read_filled_scp, read_list

ESPNET_SEED = 1


def speakerbeam_enrollments(
    specs: Sequence[MixtureSpec], targets: Sequence[int], target: LibriMixSet, lists: Path
) -> dict[Row, Enrollment]:
    """SpeakerBeam's list of dev or test: a source of another mixture of the set.

    Format: ``map_mixture2enrollment`` of github.com/BUTSpeechFIT/speakerbeam, ``egs/libri2mix/data/wav8k/min/{dev,test}``:
    mixture, target utterance, ``s<n>/<mixture>``; with three speakers ``map_mixture2enrollment_3spk``.

    Raises:
        DataError: there is no such list, or it lacks rows, or names what is not there.
    """
    path = speakerbeam_list(lists, target)
    listed: dict[tuple[str, str], str] = {}
    for number, line in enumerate(read_list(path).splitlines(), 1):
        fields = line.split()
        if len(fields) != 3:
            raise DataError(
                f"{path}:{number}: wants 'mixture utterance s<n>/<mixture>', has '{line.strip()}'."
            )
        listed[fields[0], fields[1]] = fields[2]
    if not listed:
        raise DataError(f"{path}: is empty; fetch it again.")
    utterances = {
        f"s{number}/{spec.mixture_id}": utterance
        for spec in specs
        for number, utterance in enumerate(spec.utterances, 1)
    }
    chosen: dict[Row, Enrollment] = {}
    for spec in specs:
        for number in targets:
            utterance = spec.utterances[number - 1]
            if (spec.mixture_id, utterance) not in listed:
                raise DataError(
                    f"{path}: has no line for mixture '{spec.mixture_id}' and target '{utterance}'; is it the list of "
                    f"{target.name}, and whole?"
                )
            name = listed[spec.mixture_id, utterance]
            if name not in utterances:
                raise DataError(
                    f"{path}: '{name}' enrolls '{spec.mixture_id}', but is no source of {target.name}."
                )
            signal, _, mixture_id = name.partition("/")
            chosen[spec.mixture_id, number] = Enrollment(target.path(signal, mixture_id), utterances[name])
    return chosen


def speakerbeam_list(lists: Path, target: LibriMixSet) -> Path:
    """The file of a set, below a clone of SpeakerBeam, its ``egs/libri2mix/data``, or a folder of ``dev`` and ``test``."""
    name = "map_mixture2enrollment" + ("" if target.num_speakers == 2 else f"_{target.num_speakers}spk")
    for folder in ("egs/libri2mix/data/wav8k/min", "wav8k/min", "."):
        path = lists / folder / target.name / name
        if path.is_file():
            return path
    raise DataError(
        f"{lists}: holds no {target.name}/{name}; ENROLLMENT_LISTS names a clone of github.com/BUTSpeechFIT/speakerbeam "
        "(its licence forbids to ship the lists with this package) or its folder egs/libri2mix/data."
    )


def laura_enrollments(specs: Sequence[MixtureSpec], name: str, lists: Path) -> dict[Row, Enrollment]:
    """LauraTSE's list of dev or test, of the first speakers only: audio, ``libri2mix_<set>/aux_s1/<mixture>.wav``.

    Format: the archives that github.com/Beilong-Tang/lauraTSE_code, data/README.md, commit 1830abcd, links to.

    Raises:
        DataError: a mixture has no file there.
    """
    folder = lists / f"libri2mix_{name}" / "aux_s1"
    chosen = {(spec.mixture_id, 1): Enrollment(folder / f"{spec.mixture_id}.wav", None) for spec in specs}
    missing = [enrollment.path for enrollment in chosen.values() if not enrollment.path.is_file()]
    if missing:
        raise DataError(
            f"{folder}: lacks the enrollments of {len(missing)} of {len(specs)} mixtures, first {missing[0].name}; "
            f"ENROLLMENT_LISTS names the folder in which libri2mix_{name}.tar.gz of LauraTSE was unpacked."
        )
    return chosen


def laura_training(
    specs: Sequence[MixtureSpec], utterances: Sequence[Utterance], lists: Path
) -> dict[Row, Enrollment]:
    """LauraTSE's fixed enrollments of the training mixtures' first speakers.

    Format: ``libri2mix_100_360_aux_s1.txt`` of github.com/Beilong-Tang/lauraTSE_code, folder data, commit 3db1a6d6: mixture,
    LibriSpeech utterance. Some rows enroll the target by itself.

    Raises:
        DataError: there is no such list, or it lacks a mixture or names an unknown utterance.
    """
    path = lists / "libri2mix_100_360_aux_s1.txt"
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; fetch it from github.com/Beilong-Tang/lauraTSE_code, folder data."
        )
    listed, known = read_filled_scp(path, "fetch it again"), {
        utterance.key: utterance for utterance in utterances
    }
    chosen: dict[Row, Enrollment] = {}
    for spec in specs:
        name = listed.get(spec.mixture_id)
        if name is None:
            raise DataError(f"{path}: has no line for mixture '{spec.mixture_id}'; is the list whole?")
        if name not in known or known[name].speaker != spec.speakers[0]:
            raise DataError(
                f"{path}: '{name}' cannot enroll '{spec.mixture_id}': no utterance of its first speaker."
            )
        chosen[spec.mixture_id, 1] = Enrollment(known[name].path, name)
    return chosen


def espnet_enrollments(
    specs: Sequence[MixtureSpec], targets: Sequence[int], utterances: Sequence[Utterance], num_speakers: int
) -> dict[Row, Enrollment]:
    """The draw of ESPnet's recipe librimix/tse1, over a sorted listing.

    ESPnet lists LibriSpeech as the file system happens to, unsorted, so that its own draw differs from one disk to the next:
    the lists of a certain run can only be read (``espnet_lists``). Its guard compares a path with an utterance id and so
    never acts: about 1.5 % of the rows of test enroll the target by itself. All but the order is kept as it is.
    Source: ``prepare_librimix_enroll.py``, ``prepare_spk2enroll_librispeech.py`` there, commit 0e966161.

    Raises:
        DataError: a speaker has no utterance.
    """
    pool, generator = by_speaker(utterances), random.Random(ESPNET_SEED)
    chosen: dict[Row, Enrollment] = {}
    for spec in sorted(specs, key=lambda spec: spec.mixture_id):
        for number in range(1, num_speakers + 1):
            candidates = pool.get(spec.speakers[number - 1])
            if not candidates:
                raise DataError(
                    f"{spec.mixture_id}: LibriSpeech has no speaker '{spec.speakers[number - 1]}'; is it whole?"
                )
            drawn = generator.choice(candidates)
            if number in targets:
                chosen[spec.mixture_id, number] = Enrollment(drawn.path, drawn.key)
    return chosen


def espnet_lists(
    specs: Sequence[MixtureSpec],
    targets: Sequence[int],
    name: str,
    lists: Path,
    known: Mapping[str, Utterance],
) -> dict[Row, Enrollment]:
    """The lists that a run of ESPnet's recipe has drawn: ``<set>/enroll_spk<n>.scp``, paths of LibriSpeech.

    Args:
        known: utterance id -> where it is here; the lists' own paths are of another machine.
    Raises:
        DataError: a list or a mixture is missing, or an utterance that LibriSpeech does not have here.
    """
    chosen: dict[Row, Enrollment] = {}
    for number in targets:
        path = lists / name / f"enroll_spk{number}.scp"
        if not path.is_file():
            raise DataError(
                f"{path}: no such file; ENROLLMENT_LISTS names the folder data of a run of ESPnet's recipe, or nothing: then "
                "the draw is made over a sorted listing."
            )
        listed = read_filled_scp(path, "fetch it again")
        for spec in specs:
            utterance = known.get(Path(listed.get(spec.mixture_id, "")).stem)
            if utterance is None or utterance.speaker != spec.speakers[number - 1]:
                raise DataError(
                    f"{path}: mixture '{spec.mixture_id}' has '{listed.get(spec.mixture_id, 'no line')}', which is no "
                    "utterance of its speaker in LIBRISPEECH."
                )
            chosen[spec.mixture_id, number] = Enrollment(utterance.path, utterance.key)
    return chosen
