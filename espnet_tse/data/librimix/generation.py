"""LibriMix's audio on disk: made by mixture, in shards, resumed by file, checked against the metadata."""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_tse.data.librimix.layout import LibriMixSet, addends
from espnet_tse.data.librimix.metadata import MixtureSpec
from espnet_tse.data.librimix.signals import make_signals, mixture_length, source_length
from espnet_tse.io.audio_entry import AudioError, read_entry, read_info
from espnet_tse.io.files import write_json
from espnet_tse.io.scp import DataError
from espnet_tse.io.shard import take_shard

ORIGIN = "metadata.json"  # in the folder of a set: what its audio is made from
PROGRESS_EVERY = 500


@dataclass(frozen=True)
class Corpora:
    """Where the recordings are."""

    librispeech: Path  # holds train-clean-100 ...
    wham_noise: Path | None = None  # holds tr, cv, tt


def is_complete(target: LibriMixSet, specs: list[MixtureSpec], kinds: tuple[str, ...]) -> bool:
    """Whether every file of these mixtures is there, by name."""
    wanted = {f"{spec.mixture_id}.wav" for spec in specs}
    for signal in target.signals(kinds):
        folder = target.folder / signal
        if not folder.is_dir() or not wanted <= {entry.name for entry in os.scandir(folder)}:
            return False
    return True


def require_sources(specs: list[MixtureSpec], librispeech: Path) -> None:
    """Raise DataError where LibriSpeech lacks utterances of the metadata, as half a corpus or another folder does."""
    paths = dict.fromkeys(source.path for spec in specs for source in spec.sources)
    lost = [path for path in paths if not (librispeech / path).is_file()]
    if lost:
        raise DataError(
            f"{librispeech}: lacks {len(lost)} of {len(paths)} utterances that the metadata names, first '{lost[0]}'; "
            f"LIBRISPEECH names the folder that holds {lost[0].split('/')[0]}, unpacked whole."
        )


def claim(target: LibriMixSet, metadata_sha256: str) -> None:
    """Note, ahead of the first file, what the set is made from.

    Raises:
        DataError: what is there was made from other metadata.
    """
    path = target.folder / ORIGIN
    if not path.is_file():
        write_json(path, {"metadata_sha256": metadata_sha256})
    check_origin(target, metadata_sha256)


def check_origin(target: LibriMixSet, metadata_sha256: str) -> None:
    """Whether the set is of this metadata; one that other programs made does not say, and its audio is checked alone.

    Raises:
        DataError: it is of other metadata.
    """
    path = target.folder / ORIGIN
    if not path.is_file():
        return
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))["metadata_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); remove {target.folder} to make the set again."
        ) from None
    if noted != metadata_sha256:
        raise DataError(
            f"{target.folder}: was made from other metadata (sha256 {noted[:12]}..., now {metadata_sha256[:12]}...); "
            "restore the metadata, or name another folder for these mixtures."
        )


def generate(
    target: LibriMixSet,
    specs: list[MixtureSpec],
    kinds: tuple[str, ...],
    corpora: Corpora,
    shard: tuple[int, int] = (1, 1),
) -> int:
    """Make what is missing of a shard's mixtures.

    Returns:
        number of mixtures that were made.
    Raises:
        DataError: a recording is missing or wrong, a file that is there has another length, or a mixture would clip.
    """
    own = take_shard(specs, shard)
    made = 0
    for number, spec in enumerate(own, 1):
        made += make_mixture(target, spec, kinds, corpora)
        if number % PROGRESS_EVERY == 0:
            logging.info(f"{target.folder}: {number} of {len(own)} mixtures, {made} of them made now")
    return made


def make_mixture(target: LibriMixSet, spec: MixtureSpec, kinds: tuple[str, ...], corpora: Corpora) -> bool:
    """Write the files that a mixture lacks; whether there were any."""
    num_samples = expected_length(target, spec, corpora.librispeech)
    paths = {signal: target.path(signal, spec.mixture_id) for signal in target.signals(kinds)}
    lacking = [
        signal for signal, path in paths.items() if not has_length(path, target.sample_rate, num_samples)
    ]
    if not lacking:
        return False
    signals = make_signals(
        spec, corpora.librispeech, corpora.wham_noise, target.sample_rate, target.mode, kinds
    )
    for kind in kinds:
        _refuse_clipping(signals[f"mix_{kind}"], paths[f"mix_{kind}"])
    for signal in lacking:
        write_pcm16(paths[signal], signals[signal], target.sample_rate)
    for kind in kinds:
        check_sum(target, spec.mixture_id, kind)
    return True


def expected_length(target: LibriMixSet, spec: MixtureSpec, librispeech: Path) -> int:
    """Samples of a mixture, from the headers of its sources."""
    lengths = [source_length(librispeech, part, spec.mixture_id) for part in spec.sources]
    return mixture_length(lengths, target.sample_rate, target.mode)


def has_length(path: Path, sample_rate: int, num_samples: int) -> bool:
    """Whether a file is there.

    Raises:
        DataError: it is, and is not what the metadata says: never written over.
    """
    if not path.exists():
        return False
    try:
        info = read_info(str(path))
    except AudioError as error:
        raise DataError(f"{error} Remove the file: it is made again.") from None
    if (info.num_samples, info.sample_rate, info.num_channels) != (num_samples, sample_rate, 1):
        raise DataError(
            f"{path}: {info.num_samples} samples at {info.sample_rate} Hz, {info.num_channels} channel(s), but the "
            f"metadata and LibriSpeech give {num_samples} at {sample_rate} Hz: it is of other metadata, or cut short. "
            "Remove it, and it is made again, or name another folder."
        )
    return True


def write_pcm16(path: Path, signal: np.ndarray, sample_rate: int) -> None:
    """16-bit WAV as libsndfile rounds it, under a temporary name first."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    # One name a process: what a killed one has left is no file of the set, and the next attempt removes it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        soundfile.write(temporary, signal, sample_rate, format="WAV", subtype="PCM_16")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_clipping(mixture: np.ndarray, path: Path) -> None:
    peak = float(np.abs(mixture).max(initial=0.0))
    if peak > 1.0:  # LibriMix's gains leave it at 0.9
        raise DataError(
            f"{path}: would clip, its peak is {peak:.3f}: the gains of the metadata are not of these recordings. Take "
            "metadata and corpora as they were published."
        )


def check_sum(target: LibriMixSet, mixture_id: str, kind: str) -> None:
    """A mixture is the sum of its sources, as exactly as 16 bits can say.

    Sources and mixture are rounded one by one, each to the next value below, so the mixture is above the sum of n files by
    0 to n - 1 steps; a step more on either side is left to the precision before the rounding.

    Raises:
        DataError: it is not.
    """
    names = addends(target.num_speakers, kind)
    mixture = _read_int16(target.path(f"mix_{kind}", mixture_id))
    total = sum(_read_int16(target.path(name, mixture_id)) for name in names)
    if len(mixture) != len(total):
        raise DataError(
            f"{target.path(f'mix_{kind}', mixture_id)}: is not as long as its sources; remove it."
        )
    residual = mixture - total
    if len(residual) and (residual.min() < -1 or residual.max() > len(names)):
        raise DataError(
            f"{target.path(f'mix_{kind}', mixture_id)}: is not the sum of {', '.join(names)}: it differs by up to "
            f"{np.abs(residual).max()} steps of 16 bit. Remove the mixture's files, they are made again."
        )


def _read_int16(path: Path) -> np.ndarray:
    return read_entry(str(path), "int16")[0][:, 0].astype(np.int32)


def remove_remains(target: LibriMixSet, kinds: tuple[str, ...]) -> None:
    """What killed processes have left; no other may work on the set."""
    for signal in target.signals(kinds):
        for path in (target.folder / signal).glob(".*.wav.*.tmp"):
            path.unlink()


def check_set(
    target: LibriMixSet,
    specs: list[MixtureSpec],
    kinds: tuple[str, ...],
    librispeech: Path,
) -> float:
    """Whether the whole set is there, with the durations that follow from the metadata.

    Returns:
        hours of mixtures.
    Raises:
        DataError: files are missing (how many, the first), or have another length.
    """
    missing = [
        target.path(signal, spec.mixture_id)
        for spec in specs
        for signal in target.signals(kinds)
        if not target.path(signal, spec.mixture_id).is_file()
    ]
    if missing:
        raise DataError(
            f"{target.folder}: {len(missing)} files of {len(specs)} mixtures are missing, first {missing[0]}; run the "
            "generation again, which makes them."
        )
    total = 0
    for spec in specs:
        num_samples = expected_length(target, spec, librispeech)
        for signal in target.signals(kinds):
            has_length(target.path(signal, spec.mixture_id), target.sample_rate, num_samples)
        total += num_samples
    return total / target.sample_rate / 3600
