"""The threshold of a system's output from which on the enrolled voice is taken to be in the mixture."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Sequence

import numpy as np

from espnet_tse.data.scp_fields import ENROLLMENT_SCP, INTERFERER, MIXTURE_SCP
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.schema.presence import MEASURES, Presence, PresenceThreshold
from espnet_tse.tasks.extractor import Extractor

ABSENT = 4  # rows a mixture, each enrolled by another speaker
REPORTED = 50  # trials from one line of the log to the next


@dataclass(frozen=True)
class Trial:
    """A mixture and whose enrollment it is extracted with."""

    mixture: str  # entry
    enrollment: str
    present: bool


@dataclass(frozen=True)
class Measured:
    """What was measured of the trials of a set."""

    present: dict[str, np.ndarray]  # measure -> (trials with the voice,)
    absent: dict[str, np.ndarray]  # measure -> (trials without it,)

    def errors(self, measure: str, threshold: float) -> tuple[float, float]:
        """Miss rate and false alarm rate."""
        misses, alarms = self.present[measure] < threshold, self.absent[measure] >= threshold
        return float(misses.mean()), float(alarms.mean())


def calibrate(extractor: Extractor, dev: Path, test: Path, absent: int = ABSENT) -> PresenceThreshold:
    """The measure with the lower equal error rate on ``dev``, its threshold there, and its errors on ``test``.

    Args:
        dev, test: sets of two-talker mixtures with ``utt2spk`` and ``utt2interferer``.
        absent: enrollments by third speakers a mixture.
    Raises:
        DataError: a list is missing, or too few speakers.
    """
    # Lists, so that what is wrong with either is told before the work.
    known, unknown = (
        measured(extractor, rows) for rows in [list(trials(folder, absent)) for folder in (dev, test)]
    )
    thresholds = {name: equal_error(known.present[name], known.absent[name]) for name in MEASURES}
    best = min(MEASURES, key=lambda name: sum(known.errors(name, thresholds[name])))
    miss, alarm = unknown.errors(best, thresholds[best])
    return PresenceThreshold(
        best,
        round(thresholds[best], 4),
        round(miss, 4),
        round(alarm, 4),
        len(unknown.present[best]),
        len(unknown.absent[best]),
    )


def trials(folder: Path, absent: int) -> Iterator[Trial]:
    """Each mixture with its enrollment, and with those of the next ``absent`` speakers that are not in it."""
    mixtures, enrollments = read_scp(folder / MIXTURE_SCP), read_scp(folder / ENROLLMENT_SCP)
    speakers, interferers = read_scp(folder / "utt2spk"), read_scp(folder / INTERFERER)
    keys = list(mixtures)
    for place, key in enumerate(keys):
        yield Trial(mixtures[key], enrollments[key], True)
        heard = {speakers[key], interferers[key]}
        thirds: dict[str, str] = {}
        for other in (*keys[place + 1 :], *keys[:place]):
            if speakers[other] not in heard:
                thirds.setdefault(speakers[other], enrollments[other])
        if len(thirds) < absent:
            raise DataError(
                f"{folder}: beside the speakers of '{key}' there are {len(thirds)} enrolled ones, want {absent}; take a "
                "set of more speakers, or fewer absent rows a mixture."
            )
        for enrollment in list(thirds.values())[:absent]:
            yield Trial(mixtures[key], enrollment, False)


def measured(extractor: Extractor, rows: Sequence[Trial]) -> Measured:
    found: Mapping[bool, list[Presence]] = {True: [], False: []}
    started = time.monotonic()
    for done, row in enumerate(rows, 1):
        mixture, enrollment = (
            read_audio(path, extractor.sample_rate)[0] for path in (row.mixture, row.enrollment)
        )
        estimate = extractor.extract([mixture], [enrollment], ["utt"])
        found[row.present] += extractor.presence(estimate, [enrollment])
        if done % REPORTED == 0 or done == len(rows):
            to_go = (time.monotonic() - started) / done * (len(rows) - done)
            logging.info(f"{done}/{len(rows)} enrollments heard, {to_go:.0f} s to go")
    present, absent = (
        {name: np.array([getattr(presence, name) for presence in found[there]]) for name in MEASURES}
        for there in (True, False)
    )
    return Measured(present, absent)


def equal_error(present: np.ndarray, absent: np.ndarray) -> float:
    """The threshold where as large a share of ``present`` lies below as of ``absent`` does not, as nearly as can be."""
    values = np.unique(np.concatenate([present, absent]))
    between = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    gaps = [abs((present < value).mean() - (absent >= value).mean()) for value in between]
    return float(between[int(np.argmin(gaps))])
