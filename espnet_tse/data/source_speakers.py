"""What the speakers of a source directory must have to be mixed as mixing.yaml says; training and the validator ask alike."""

from collections import Counter
from pathlib import Path
from typing import Iterable, Mapping

from espnet_tse.data.enrollment import DisjointLengths, share_utterance
from espnet_tse.data.mixing_conf import MixingConf
from espnet_tse.data.perturbed_voices import persons_of
from espnet_tse.io.scp import DataError

SHORTEST_REGION_S = 0.5  # of a target or an enrollment cut from a shared utterance


def require_speakers(source_dir: Path | str, speakers: Iterable[str], conf: MixingConf) -> None:
    """Raise DataError where there are fewer people than the largest mixture has."""
    persons = persons_of(speakers)
    number = len(set(persons.values()))
    if number < conf.speakers_needed:
        copies = f" and {len(persons) - number} copies of their voices" if number < len(persons) else ""
        raise DataError(
            f"{source_dir}: has {number} speaker(s){copies}, but mixing.yaml asks for mixtures of "
            f"{conf.speakers_needed} (num_speakers, target_absent, sr_interferer); add speakers, or change it."
        )


def single_utterance_speakers(speakers: Iterable[str]) -> list[str]:
    """Those that come once among the speakers of all utterances."""
    return [speaker for speaker, count in Counter(speakers).items() if count < 2]


def sharing_keys(utt2spk: Mapping[str, str], conf: MixingConf) -> list[str]:
    """Utterances that hold both target and enrollment, if they are targets."""
    if conf.enrollment == "other_utterance" or not conf.enrolls:
        return []
    if conf.enrollment == "same_utterance_disjoint":
        return list(utt2spk)
    single = set(single_utterance_speakers(utt2spk.values()))
    return [key for key, speaker in utt2spk.items() if speaker in single]


def shared_lengths(
    num_samples: int, sample_rate: int, conf: MixingConf, crop: int | None, hop_length: int = 1
) -> DisjointLengths | None:
    """Lengths of target and enrollment in an utterance; None where it is too short for both.

    Args:
        crop: longest target in samples, None for as much as the enrollment leaves.
    """
    return share_utterance(
        num_samples,
        crop,
        round(conf.longest_enrollment_s * sample_rate),
        round(conf.enrollment_gap_s * sample_rate),
        hop_length,
        round(SHORTEST_REGION_S * sample_rate),
    )


def require_targets(source_dir: Path | str, keys: list[str]) -> None:
    """Raise DataError where sharing utterances has left no targets."""
    if not keys:
        raise DataError(
            f"{source_dir}: no utterance is long enough for a target and an enrollment; lower "
            "enrollment_s and enrollment_gap_s in mixing.yaml, or set 'enrollment: other_utterance'."
        )
