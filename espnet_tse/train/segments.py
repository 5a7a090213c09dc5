"""Training segments of utterances, the same for any number of workers, processes or restarts."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from espnet_tse.data.audio_store import AudioStore


class SegmentReader:
    """Random segments keyed by (seed, step, row), read ahead by threads."""

    def __init__(self, store: AudioStore, num_samples: int, seed: int, num_workers: int = 1):
        """
        Args:
            store: utterances at the codec's sample rate.
            num_samples: of a segment.
        """
        self.store, self.num_samples, self.seed = store, num_samples, seed
        self.keys = sorted(store.paths)
        self.pool = ThreadPoolExecutor(num_workers)
        self.ahead: dict[tuple[int, range], Future] = {}

    def _draw(self, step: int, row: int) -> tuple[str, np.random.Generator]:
        generator = np.random.default_rng([self.seed, step, row])
        return self.keys[int(generator.integers(len(self.keys)))], generator

    def utterance(self, step: int, row: int) -> str:
        """Key of the utterance that a segment is cut from."""
        return self._draw(step, row)[0]

    def segment(self, step: int, row: int) -> np.ndarray:
        """(num_samples,) from an utterance scaled to RMS 1; a short utterance is followed by zeros."""
        key, generator = self._draw(step, row)
        waveform = self.store.load(key)
        # The level is that of the utterance, as in encoding, so that pauses stay quiet.
        waveform = waveform / (np.sqrt(np.mean(waveform**2)) + 1e-8)
        start = int(generator.integers(max(1, len(waveform) - self.num_samples + 1)))
        segment = waveform[start : start + self.num_samples]
        return np.pad(segment, (0, self.num_samples - len(segment)))

    def rows(self, step: int, rows: range) -> Tensor:
        """(len(rows), num_samples) segments of one step."""
        return torch.from_numpy(np.stack([self.segment(step, row) for row in rows]))

    def __call__(self, step: int, rows: range) -> Tensor:
        """As ``rows``, and start to read the next step."""
        batch = self.ahead.pop((step, rows), None)
        following = (step + 1, rows)
        self.ahead[following] = self.pool.submit(self.rows, *following)
        return self.rows(step, rows) if batch is None else batch.result()

    def close(self) -> None:
        """Stop reading ahead."""
        self.pool.shutdown(cancel_futures=True)
