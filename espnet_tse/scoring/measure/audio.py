"""Reading audio for scoring: mono float64 at any rate, with the hash that names it in the caches."""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from espnet_tse.io.audio import resample
from espnet_tse.io.audio_entry import file_of, is_plain_file, lacks_end, read_entry, read_info
from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.failure import SILENCE_DBFS

RATE = 16000  # of networks, and of measures that are defined at it


class AudioError(ValueError):
    """An entry that cannot be read as audio."""


@dataclass(frozen=True)
class Signal:
    """One file, at one rate."""

    samples: np.ndarray  # (N,) float64; integer PCM divided by 2^15
    rate: int  # Hz, of the samples
    source_rate: int  # Hz, of the file
    source_channels: int
    origin: "Signal | None" = None  # as it was read, where that is at another rate

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate

    @cached_property
    def sha1(self) -> str:
        """Of the float32 samples."""
        with np.errstate(over="ignore"):
            return hashlib.sha1(self.samples.astype(np.float32).tobytes()).hexdigest()

    @cached_property
    def _resampled(self) -> "dict[int, Signal]":
        return {}

    def at(self, rate: int) -> "Signal":
        """This signal at ``rate`` Hz, resampled from what was read, never twice."""
        if rate == self.rate:
            return self
        if rate not in self._resampled:
            source = self.origin or self
            samples = resample(source.samples, source.rate, rate) if len(source.samples) else source.samples
            self._resampled[rate] = replace(
                self, samples=np.ascontiguousarray(samples), rate=rate, origin=None
            )
        return self._resampled[rate]

    def converted(self, rate: int) -> "Signal":
        """As ``at``, and from there to other rates it is still resampled from what was read."""
        return self if rate == self.rate else replace(self.at(rate), origin=self)

    def with_samples(self, samples: np.ndarray) -> "Signal":
        """Other samples (N,) at the same rate."""
        return replace(self, samples=samples, origin=None)


def refuse_pipe(entry: str, where: str) -> None:
    """Raise ``AudioError`` for Kaldi pipes: scoring reads files and ``file.ark:offset`` only."""
    if entry.rstrip().endswith("|"):
        raise AudioError(
            f"{where}: '{entry}' is a command pipe; scoring runs no commands. Write the audio to files "
            "first (stage 2, format_data, does)."
        )


def is_written(entry: str) -> bool:
    """Whether the file of an scp entry is there and whole; one that is no audio at all is judged when it is scored.

    What a killed decoding or a full disk has left is no output of a system, whatever its samples would score.
    """
    path = file_of(entry)
    if not path.is_file() or path.stat().st_size == 0:
        return path.exists() and not path.is_file()  # a pipe
    try:
        return not lacks_end(entry)
    except DataError:
        return True


def probe(entry: str) -> tuple[float, int] | None:
    """Duration in seconds and sample rate from the header; None where only reading can tell."""
    if not is_plain_file(entry):
        return None
    try:
        info = read_info(entry)
    except DataError:
        return None
    return info.num_samples / info.sample_rate, info.sample_rate


def _read(entry: str) -> tuple[np.ndarray, int]:
    try:
        return read_entry(entry)
    except DataError as error:
        raise AudioError(str(error)) from error


def load(entry: str, channel: int = 0) -> Signal:
    """Read one scp entry.

    Args:
        entry: path or ``file.ark:offset``.
        channel: which channel of a file with several, from 0; a file with one is used as it is.
    Returns:
        the signal at the rate of the file.
    Raises:
        AudioError: unreadable, or fewer channels than asked for.
    """
    refuse_pipe(entry, "audio entry")
    samples, rate = _read(entry)
    channels = samples.shape[1]
    channel = channel if channels > 1 else 0
    if channel >= channels:
        raise AudioError(f"{entry}: has {channels} channel(s), channel {channel} was asked for.")
    return Signal(np.ascontiguousarray(samples[:, channel], dtype=np.float64), rate, rate, channels)


def fit_length(samples: np.ndarray, num_samples: int) -> np.ndarray:
    """Cut or zero-pad at the end to ``num_samples``."""
    if len(samples) >= num_samples:
        return samples[:num_samples]
    return np.pad(samples, (0, num_samples - len(samples)))


def level_dbfs(samples: np.ndarray, remove_mean: bool = False) -> float:
    """RMS relative to full scale, in dB; -inf for digital silence."""
    if remove_mean:
        samples = samples - np.mean(samples)
    # Scaling by the peak first: squares of denormal samples vanish, squares of huge ones overflow.
    peak = np.max(np.abs(samples))
    if peak == 0:
        return -math.inf
    return float(20 * np.log10(peak) + 10 * np.log10(np.mean((samples / peak) ** 2)))


def broken(samples: np.ndarray) -> str | None:
    """Why these samples are not a signal at all (empty, NaN), or None."""
    if len(samples) == 0:
        return "zero length"
    return None if np.isfinite(samples).all() else "NaN or infinite samples"


def fault_of(samples: np.ndarray, rate: int, min_s: float = 0.0) -> str | None:
    """Why samples (N,) at ``rate`` Hz cannot be scored (empty, NaN, silent, shorter than ``min_s``), or None."""
    if reason := broken(samples):
        return reason
    if len(samples) < min_s * rate:
        return (
            f"shorter than {min_s} s ({len(samples) / rate:.4f} s: {len(samples)} samples at {rate} Hz, "
            f"at least {math.ceil(min_s * rate)} are wanted)"
        )
    level = level_dbfs(samples, remove_mean=True)
    if level < SILENCE_DBFS:
        return (
            f"silent ({level:.1f} dBFS RMS around the mean, limit {SILENCE_DBFS:.0f}; {len(samples)} samples)"
        )
    return None


def set_level(samples: np.ndarray, policy: str) -> np.ndarray:
    """Apply ``--level``: ``none``, ``peak`` (to 1) or ``rms:<dBFS>``; silence stays as it is."""
    if policy == "none" or len(samples) == 0 or not np.any(samples) or not np.isfinite(samples).all():
        return samples
    if policy == "peak":
        return samples / np.max(np.abs(samples))
    return samples * 10 ** ((float(policy.removeprefix("rms:")) - level_dbfs(samples)) / 20)
