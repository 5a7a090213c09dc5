"""Utterances by key: held in memory while they fit, read from disk otherwise."""

import logging
from typing import Mapping

import numpy as np

from espnet_tse.data.audio_files import read_info, read_samples
from espnet_tse.data.mixing import fit_length
from espnet_tse.io.audio_entry import INT16_SCALE, AudioError, AudioInfo, refuse_not_finite
from espnet_tse.io.scp import DataError

CACHE_BUDGET = 2 * 1024**3  # bytes of audio, and again of codes, that one process holds


class AudioStore:
    """Mono waveforms of one rate.

    16-bit files are held as int16, so that cached and uncached samples are equal. Workers that are
    forked share the memory.
    """

    def __init__(self, paths: Mapping[str, str], cache: bool, budget: int = CACHE_BUDGET):
        """
        Args:
            paths: key -> path.
            cache: hold everything in memory if it takes at most ``budget`` bytes.
        Raises:
            DataError: unreadable, empty, not mono, or of several rates; names the key.
        """
        if not paths:
            raise DataError("no audio is listed; run stage 1 (data) with --force true.")
        self.paths = dict(paths)
        self.infos: dict[str, AudioInfo] = {key: read_info(path, key) for key, path in self.paths.items()}
        first, info = next(iter(self.infos.items()))
        self.sample_rate = info.sample_rate
        for key, other in self.infos.items():
            if other.sample_rate != self.sample_rate or other.num_channels != 1:
                raise DataError(
                    f"{key}: '{self.paths[key]}' has {other.num_channels} channel(s) at {other.sample_rate} "
                    f"Hz, but '{first}' has {self.sample_rate} Hz and mono is wanted; run stage 2 (format)."
                )
            if other.num_samples == 0:
                raise DataError(
                    f"{key}: '{self.paths[key]}' holds no samples; drop the key (utils/fix_data_dir.sh)."
                )
        self._samples: dict[str, np.ndarray] = {}
        size = sum(i.num_samples * (2 if i.subtype == "PCM_16" else 4) for i in self.infos.values())
        if cache and size <= budget:
            for key in self.paths:
                self._samples[key] = self._read(key, 0, -1)
            logging.info(f"{len(self.paths)} utterances held in memory, {size / 2**20:.0f} MiB")
        elif cache:
            logging.info(
                f"audio stays on disk: {size / 2**20:.0f} MiB are more than {budget / 2**20:.0f} MiB"
            )

    @property
    def cached(self) -> bool:
        """Whether the audio is in memory."""
        return bool(self._samples)

    def num_samples(self, key: str) -> int:
        return self.infos[key].num_samples

    def _read(self, key: str, start: int, num_samples: int) -> np.ndarray:
        dtype = "int16" if self.infos[key].subtype == "PCM_16" else "float32"
        samples = read_samples(self.paths[key], key, self.sample_rate, start, num_samples, dtype)
        if dtype == "float32":  # one NaN in a batch spoils the whole model
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
