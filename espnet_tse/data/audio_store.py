"""Utterances by key: held in memory while they fit, read from disk otherwise."""

import logging
from typing import Mapping

import numpy as np

from espnet_tse.data.audio_files import read_info, read_samples
from espnet_tse.data.mixing import fit_length
from espnet_tse.io.audio_entry import INT16_SCALE, AudioError, refuse_not_finite
from espnet_tse.io.scp import DataError

CACHE_BUDGET = 2 * 1024**3  # bytes of audio, and again of codes, that one process holds
PROBES = 100  # files, at most twice as many, whose headers are read at once where lengths are listed


class AudioStore:
    """Mono waveforms of one rate.

    16-bit files are held as int16, so that cached and uncached samples are equal. Workers that are
    forked share the memory.
    """

    def __init__(
        self,
        paths: Mapping[str, str],
        cache: bool,
        budget: int = CACHE_BUDGET,
        lengths: Mapping[str, int] | None = None,
    ):
        """
        Args:
            paths: key -> path.
            cache: hold everything in memory if it takes at most ``budget`` bytes.
            lengths: key -> samples, of ``utt2num_samples``. With them headers are read of ``PROBES`` files spread
                over the list, and of others when they are asked for; without, of all files at once.
        Raises:
            DataError: unreadable, empty, not mono, of several rates, or of another length than listed; names the
                key.
        """
        if not paths:
            raise DataError("no audio is listed; run stage 1 (data) with --force true.")
        self.paths = dict(paths)
        keys = list(self.paths)
        self._lengths = {key: lengths[key] for key in keys if key in lengths} if lengths else {}
        self._first, info = keys[0], read_info(self.paths[keys[0]], keys[0])
        self.sample_rate = info.sample_rate
        probed = keys
        if lengths is not None:
            probed = [key for key, length in self._lengths.items() if length == 0] + keys[
                :: max(1, len(keys) // PROBES)
            ]
        num_bytes = [self._read_header(key) for key in probed]
        self._samples: dict[str, np.ndarray] = {}
        if cache:
            self._hold_all(max(num_bytes), budget)

    def _hold_all(self, num_bytes: int, budget: int) -> None:
        """Read everything, at ``num_bytes`` a sample, if that is not too much."""
        size = sum(self._lengths.values()) * num_bytes
        for key in [key for key in self.paths if key not in self._lengths]:
            if size > budget:  # headers of the rest change nothing
                break
            size += self.num_samples(key) * num_bytes
        if size > budget:
            logging.info(f"audio stays on disk: it takes more than {budget / 2**20:.0f} MiB")
            return
        for key in self.paths:
            self._samples[key] = self._read(key, 0, -1)
        logging.info(f"{len(self.paths)} utterances held in memory, {size / 2**20:.0f} MiB")

    @property
    def cached(self) -> bool:
        """Whether the audio is in memory."""
        return bool(self._samples)

    def num_samples(self, key: str) -> int:
        """
        Raises:
            DataError: the file, which nobody has asked for yet, has one of the faults of ``__init__``.
        """
        if key not in self._lengths:
            self._read_header(key)
        return self._lengths[key]

    def _read_header(self, key: str) -> int:
        """Check a file and keep its length; bytes a sample."""
        info = read_info(self.paths[key], key)
        if info.sample_rate != self.sample_rate or info.num_channels != 1:
            raise DataError(
                f"{key}: '{self.paths[key]}' has {info.num_channels} channel(s) at {info.sample_rate} "
                f"Hz, but '{self._first}' has {self.sample_rate} Hz and mono is wanted; run stage 2 (format)."
            )
        if info.num_samples == 0:
            raise DataError(
                f"{key}: '{self.paths[key]}' holds no samples; drop the key (utils/fix_data_dir.sh)."
            )
        self._require_listed(key, info.num_samples)
        self._lengths[key] = info.num_samples
        return 2 if info.subtype == "PCM_16" else 4

    def _require_listed(self, key: str, num_samples: int) -> None:
        if num_samples != self._lengths.get(key, num_samples):
            raise DataError(
                f"{key}: '{self.paths[key]}' holds {num_samples} samples, but utt2num_samples has "
                f"{self._lengths[key]}; run stage 2 (format) with --force true, then stage 3 (validate)."
            )

    def _read(self, key: str, start: int, num_samples: int) -> np.ndarray:
        total = self._lengths.get(key)
        samples = read_samples(self.paths[key], key, self.sample_rate, start, num_samples, None, total)
        if num_samples < 0:
            self._require_listed(key, len(samples))
        if samples.dtype == np.float32:  # one NaN in a batch spoils the whole model
            try:
                refuse_not_finite(samples, self.paths[key])
            except AudioError as error:
                raise DataError(f"{key}: {error}") from None
        return samples

    def load(self, key: str, start: int = 0, num_samples: int | None = None) -> np.ndarray:
        """A span as a new (num_samples,) float32 array, full scale 1."""
        num_samples = self.num_samples(key) - start if num_samples is None else num_samples
        held = self._samples.get(key)
        samples = self._read(key, start, num_samples) if held is None else held[start : start + num_samples]
        if samples.dtype == np.int16:
            return samples * INT16_SCALE
        return samples.copy() if held is not None else samples

    def load_fitted(self, key: str, num_samples: int, generator: np.random.Generator) -> np.ndarray:
        """``num_samples`` from a random place: a span of a longer utterance, a shorter one repeated."""
        length = self.num_samples(key)
        if length >= num_samples:
            return self.load(key, int(generator.integers(length - num_samples + 1)), num_samples)
        return fit_length(self.load(key), num_samples, generator)
