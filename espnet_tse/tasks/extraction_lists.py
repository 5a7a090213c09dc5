"""The lists of an extraction, and what their entries hold: mixtures, enrollments, embeddings, the truth."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Mapping

import numpy as np

from espnet_tse.data.embedding_store import EmbeddingStore
from espnet_tse.io.audio import read_audio, resample
from espnet_tse.io.audio_entry import AudioInfo
from espnet_tse.io.faults import fault_of, refuse_all
from espnet_tse.io.scp import DataError, check_file_names, read_filled_scp, read_scp
from espnet_tse.tasks.recording_faults import faults_of_audio
from espnet_tse.tasks.signal_faults import check_lengths, check_signal


@dataclass
class Lists:
    """What is read for each key."""

    mixtures: dict[str, str]
    enrollments: dict[str, str] | None
    embeddings: EmbeddingStore | None
    targets: dict[str, str] | None = None  # the truth, where the settings ask for it

    def entries(self, key: str) -> list[str]:
        """Entries of mixture, enrollment and, if there are such, embedding and true target."""
        scps = [
            self.mixtures,
            *([] if self.enrollments is None else [self.enrollments]),
            *([] if self.embeddings is None else [self.embeddings.paths]),
            *([] if self.targets is None else [self.targets]),
        ]
        return [scp[key] for scp in scps]

    def roles(self) -> dict[str, str]:
        """What each recording is -> its entry."""
        scps = {"mixture": self.mixtures, "enrollment": self.enrollments, "target": self.targets}
        return {
            f"{role} of '{key}'": scp[key]
            for role, scp in scps.items()
            if scp is not None
            for key in self.mixtures
        }

    def check(self, keys: list[str]) -> None:
        """Read what is to be extracted before hours are spent; DataError with all that cannot be used."""
        faults = faults_of_audio(keys, self.mixtures, "mixture")
        if self.enrollments is not None:
            faults += faults_of_audio(keys, self.enrollments, "enrollment")
        if self.embeddings is not None:
            faults += filter(None, (fault_of(self.embeddings.load, key) for key in keys))
        if self.targets is not None:
            faults += faults_of_audio(keys, self.targets, "target", may_be_silent=True)
        refuse_all(faults)

    def cues(
        self, infos: Mapping[str, AudioInfo], sample_rate: int
    ) -> tuple[list[np.ndarray] | None, list[np.ndarray] | None]:
        """Enrollments, (N_e,) each, and embeddings, (E,) each, or None without; ``infos``: key -> header of the mixture."""
        wanted = None
        if self.enrollments is not None:
            wanted = []
            for key, info in infos.items():
                path = self.enrollments[key]
                with named(key, path):
                    wanted.append(
                        read_enrollment(path, f"enrollment of '{key}'", sample_rate, info.sample_rate)
                    )
        return wanted, None if self.embeddings is None else [self.embeddings.load(key) for key in infos]

    def truth(self, keys: list[str], sample_rate: int) -> list[np.ndarray] | None:
        """True targets, (N,) each, which may be silent; None without."""
        if self.targets is None:
            return None
        signals = []
        for key in keys:
            with named(key, self.targets[key]):
                signals.append(read_audio(self.targets[key], sample_rate)[0])
        return signals


def read_lists(
    mixture_scp: str,
    enroll_scp: str | None,
    embedding_scp: str | None,
    oracle_target_scp: str | None = None,
) -> Lists:
    """The lists of an extraction.

    Raises:
        DataError: keys that name no file, without enrollment, embedding or true target, or with a dynamic enrollment.
    """
    mixtures = read_filled_scp(mixture_scp)
    check_file_names(mixtures, mixture_scp)
    targets = None if oracle_target_scp is None else read_scp(oracle_target_scp)
    if targets is not None:
        refuse_missing(targets, oracle_target_scp, mixtures, mixture_scp, "targets")
    if enroll_scp is None:
        return Lists(mixtures, None, None, targets)
    enrollments = read_scp(enroll_scp)
    refuse_missing(enrollments, enroll_scp, mixtures, mixture_scp, "enrollments")
    dynamic = [key for key in mixtures if enrollments[key].startswith("*")]
    if dynamic:
        raise DataError(
            f"{enroll_scp}: key '{dynamic[0]}' asks for a dynamic enrollment ('*UID SPEAKER'), which is for "
            "training; decoding wants one audio file a key."
        )
    store = None if embedding_scp is None else EmbeddingStore(embedding_scp)
    if store is not None:
        store.require(list(mixtures))
    return Lists(mixtures, enrollments, store, targets)


def refuse_missing(
    scp: dict[str, str], path: str, mixtures: dict[str, str], mixture_scp: str, what: str
) -> None:
    """DataError where a list lacks keys of the mixtures."""
    missing = [key for key in mixtures if key not in scp]
    if missing:
        raise DataError(
            f"{path}: lacks {len(missing)} keys of {mixture_scp}, the first is '{missing[0]}'; add "
            f"their {what}, or drop the keys."
        )


def check_target_lengths(
    mixtures: dict[str, AudioInfo], targets: dict[str, AudioInfo], sample_rate: int
) -> None:
    """DataError where a true target will not be as long as its mixture at ``sample_rate``, as far as headers say."""
    keys = [key for key in mixtures if mixtures[key].seekable and targets[key].seekable]
    lengths = [
        [-(-infos[key].num_samples * sample_rate // infos[key].sample_rate) for key in keys]
        for infos in (mixtures, targets)
    ]
    check_lengths(keys, *lengths)


def read_enrollment(path: str, name: str, sample_rate: int, mixture_rate: int | None = None) -> np.ndarray:
    """(N_e,) float32 at ``sample_rate``; faults as of ``check_signal``.

    Args:
        name: for messages.
        mixture_rate: Hz; a voice is known again by the band that both have, so what lies above that of the mixture goes.
    """
    signal, rate = read_audio(path)
    signal = check_signal(signal, name, rate)
    if mixture_rate is not None and mixture_rate < min(rate, sample_rate):
        signal, rate = resample(signal, rate, mixture_rate), mixture_rate
    return resample(signal, rate, sample_rate)


def read_mixture(path: str, sample_rate: int, key: str) -> np.ndarray:
    """Mono samples at ``sample_rate``; faults name the key."""
    with named(key, path):
        return check_signal(read_audio(path, sample_rate)[0], f"mixture of '{key}'", sample_rate)


@contextmanager
def named(key: str, path: str) -> Iterator[None]:
    """Faults inside name the key and the file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"key '{key}', {path}: {error}") from error
