"""Joins the lists of estimates, targets, mixtures, enrollments and interferers by key."""

import logging
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.activity_list import Times, read_activity
from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.audio import RATE, probe
from espnet_tse.scoring.run.absent_targets import SILENT, is_silent_target
from espnet_tse.scoring.run.audio_lists import read_entries, read_keys
from espnet_tse.scoring.run.estimates import present_estimates, read_estimates
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.shown_keys import some

log = logging.getLogger("espnet_tse.scoring")

Header = tuple[float, int]  # duration in seconds, sample rate in Hz


@dataclass(frozen=True)
class Lists:
    """All audio lists of a run, key -> scp entry; empty or None where a list is not given."""

    estimates: dict[str, str]  # those whose files exist
    targets: dict[str, str] | None
    mixtures: dict[str, str]
    enrollments: dict[str, str]
    interferers: list[dict[str, str]]
    absent: set[str]  # utterances whose target says nothing
    activity: dict[str, Times | None]  # when targets speak
    vad_activity: dict[str, Times | None]  # when estimates do
    keys: list[str]  # to score, in byte order

    @property
    def data(self) -> dict[str, str]:
        """The list that decides the bandwidth: an estimate of a lower rate has lost something."""
        return self.targets if self.targets is not None else self.mixtures or self.estimates

    def utterance(self, key: str, duration_s: float) -> Utterance:
        """The entries of a key."""
        return Utterance(
            key,
            self.estimates.get(key),
            self.targets.get(key) if self.targets is not None else None,
            self.mixtures.get(key),
            self.enrollments.get(key),
            tuple(entries[key] for entries in self.interferers if key in entries),
            duration_s,
            key in self.absent,
            activity=self.activity.get(key),
            vad_activity=self.vad_activity.get(key),
        )


def pair_inputs(options: ScoringOptions) -> tuple[list[Utterance], bool]:
    """All utterances in byte order of their keys, and whether the data are below 16 kHz.

    Raises:
        DataError: a list lacks keys.
    """
    lists = _read_lists(options)
    utterances, low_band, misnamed = [], False, []
    for key in lists.keys:
        estimate, data = _headers(lists, key)
        low_band = low_band or (data is not None and data[1] < RATE)
        if data and estimate and wrong_rate(*estimate, *data):
            entry = lists.estimates[key]
            misnamed.append(f"'{key}' ({entry}) says {estimate[1]} Hz, the data have {data[1]} Hz")
        duration_s = max((header[0] for header in (estimate, data) if header), default=0.0)
        utterances.append(lists.utterance(key, duration_s))
    if misnamed:
        log.warning(
            "%d of %d estimates seem to have a wrong sample rate in their header, first %s and as many samples: they "
            "are scored slowed down or sped up; write them again with the true rate",
            len(misnamed),
            len(lists.keys),
            misnamed[0],
        )
    return utterances, low_band


def _read_lists(options: ScoringOptions) -> Lists:
    """Read all lists and check that each has the keys to score.

    Raises:
        DataError: a list is malformed or lacks keys.
    """
    where, estimates = read_estimates(options)
    targets = read_entries(options.ref_scp) if options.ref_scp else None
    mixtures = read_entries(options.mix_scp) if options.mix_scp else {}
    activity, vad_activity = (
        read_activity(path) if path else {} for path in (options.activity, options.vad_activity)
    )
    absent = _read_absent(options, [estimates, targets or {}, mixtures])
    absent |= _said_to_be_absent(options, activity, absent, set(estimates) | set(targets or {}))
    wanted = set(estimates if targets is None else targets) | absent
    keys = sorted(wanted, key=lambda key: key.encode("utf-8"))
    if not keys:
        raise DataError(f"{options.ref_scp or where}: holds no utterance.")
    estimates = present_estimates(options, where, estimates, keys)
    enrollments = read_entries(options.enroll_scp) if options.enroll_scp else {}
    lists = (
        (mixtures, "mix_scp"),
        (enrollments, "enroll_scp"),
        (activity, "activity"),
        (vad_activity, "vad_activity"),
    )
    for entries, name in lists:
        path = getattr(options, name)
        without = [key for key in keys if path and key not in entries]
        if without:
            raise DataError(f"{path}: lacks {len(without)} of {len(keys)} keys to score: {some(without)}.")
    interferers = _read_interferers(options, keys, absent, targets or {})
    return Lists(estimates, targets, mixtures, enrollments, interferers, absent, activity, vad_activity, keys)


def _read_absent(options: ScoringOptions, lists: list[dict[str, str]]) -> set[str]:
    """Keys of ``--absent``, where that is a list.

    Raises:
        DataError: a key is in none of the other lists.
    """
    if options.absent in ("", SILENT):
        return set()
    absent = read_keys(Path(options.absent))
    if unknown := sorted(absent.difference(*lists)):
        raise DataError(
            f"{options.absent}: {len(unknown)} of its {len(absent)} keys are in no other list: {some(unknown)}; "
            "fix this list (--absent)."
        )
    return absent


def _said_to_be_absent(
    options: ScoringOptions, activity: dict[str, Times | None], listed: set[str], keys: set[str]
) -> set[str]:
    """Those of ``keys`` whose target says nothing by ``--activity``.

    Args:
        listed: those of ``--absent``.
    Raises:
        DataError: ``--absent`` names one that speaks, or there is no mixture to compare with.
    """
    if speaking := sorted(key for key in listed if activity.get(key)):
        raise DataError(
            f"{options.absent} names {len(speaking)} keys that speak by {options.activity}: {some(speaking)}; fix one of "
            "them."
        )
    silent = {key for key, times in activity.items() if times == ()} & (keys | listed)
    if silent and not options.mix_scp:
        raise DataError(
            f"{options.activity}: {len(silent)} targets say nothing; their estimates are compared with the mixture: give "
            "--mix_scp."
        )
    return silent


def _read_interferers(
    options: ScoringOptions, keys: list[str], absent: set[str], targets: dict[str, str]
) -> list[dict[str, str]]:
    """The lists of ``--intf_scp``.

    Raises:
        DataError: an utterance whose target speaks is in none of them.
    """
    interferers = [read_entries(path) for path in options.intf_scp]
    present = [key for key in keys if key not in absent]
    without = [key for key in present if interferers and not any(key in entries for entries in interferers)]
    without = [key for key in without if not is_silent_target(options, targets.get(key))]
    if without:
        raise DataError(f"--intf_scp: no interferer for {len(without)} of {len(keys)} keys: {some(without)}.")
    return interferers


def _headers(lists: Lists, key: str) -> tuple[Header | None, Header | None]:
    """Headers of the estimate and of the data; None where there is no file or it cannot be read."""
    estimate = probe(lists.estimates[key]) if key in lists.estimates else None
    if lists.data is lists.estimates:
        return estimate, estimate
    return estimate, probe(lists.data[key]) if key in lists.data else None


def wrong_rate(duration_s: float, rate: int, data_s: float, data_rate: int) -> bool:
    """Whether an estimate has its data's number of samples but another rate, so another duration.

    An estimate that really is at another rate has the duration of the data.
    """
    return rate != data_rate and abs(duration_s * rate - data_s * data_rate) < 0.02 * data_s * data_rate
