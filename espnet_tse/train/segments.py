"""Training segments of utterances, the same for any number of workers, processes or restarts."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Iterator

import numpy as np
import torch
from torch import Tensor

from espnet_tse.data.audio_store import AudioStore
from espnet_tse.io.scp import DataError
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.pieces import Batch
from espnet_tse.train.processes import rank, world_size

# Segments are keyed by the number of their batch; these two keys come before the first batch's.
PREPARATION, VALIDATION, FIRST_BATCH = 0, 1, 2
MIXED_DB = 5.0  # the second utterance of a sum lies between -5 and 5 dB


class SegmentReader:
    """Random segments keyed by (seed, batch, row), read ahead by threads."""

    def __init__(
        self, store: AudioStore, num_samples: int, seed: int, num_workers: int = 1, mixed_share: float = 0.0
    ):
        """
        Args:
            store: utterances at the codec's sample rate.
            num_samples: of a segment.
            mixed_share: of the segments, that are sums of two.
        """
        self.store, self.num_samples, self.seed, self.mixed_share = store, num_samples, seed, mixed_share
        self.keys = sorted(store.paths)
        self.pool = ThreadPoolExecutor(num_workers)
        self.ahead: dict[tuple[int, range], Future] = {}

    def _draw(self, batch: int, row: int) -> tuple[str, np.random.Generator]:
        generator = np.random.default_rng([self.seed, batch, row])
        return self.keys[int(generator.integers(len(self.keys)))], generator

    def utterance(self, batch: int, row: int) -> str:
        """Key of the utterance that a segment is cut from."""
        return self._draw(batch, row)[0]

    def segment(self, batch: int, row: int) -> np.ndarray:
        """(num_samples,) from an utterance scaled to RMS 1; a short utterance is followed by zeros."""
        key, generator = self._draw(batch, row)
        segment = self._cut(key, generator)
        if self.mixed_share and generator.random() < self.mixed_share:
            other = self._cut(self.keys[int(generator.integers(len(self.keys)))], generator)
            segment = segment + np.float32(10 ** (generator.uniform(-MIXED_DB, MIXED_DB) / 20)) * other
        return segment

    def _cut(self, key: str, generator: np.random.Generator) -> np.ndarray:
        waveform = self.store.load(key)
        # The level is that of the utterance, as in encoding, so that pauses stay quiet.
        waveform = waveform / (np.sqrt(np.mean(waveform**2)) + 1e-8)
        start = int(generator.integers(max(1, len(waveform) - self.num_samples + 1)))
        segment = waveform[start : start + self.num_samples]
        return np.pad(segment, (0, self.num_samples - len(segment)))

    def rows(self, batch: int, rows: range) -> Tensor:
        """(len(rows), num_samples) segments of one batch."""
        return torch.from_numpy(np.stack([self.segment(batch, row) for row in rows]))

    def __call__(self, batch: int, rows: range) -> Tensor:
        """As ``rows``, and start to read the next batch."""
        waiting = self.ahead.pop((batch, rows), None)
        following = (batch + 1, rows)
        self.ahead[following] = self.pool.submit(self.rows, *following)
        return self.rows(batch, rows) if waiting is None else waiting.result()

    def close(self) -> None:
        """Stop reading ahead."""
        self.pool.shutdown(cancel_futures=True)


class TrainingSegments:
    """Batches of ``conf.batch_size`` segments; an epoch is the steps between two validations."""

    def __init__(self, reader: SegmentReader, conf: CodecTrainConf, num_codebooks: int):
        """
        Args:
            num_codebooks: K of the codec.
        Raises:
            DataError: a batch has fewer segments than there are processes.
        """
        self.reader, self.conf, self.num_codebooks = reader, conf, num_codebooks
        self.rows = rows_of_this_process("batch_size", conf.batch_size)

    def batches(self, epoch: int) -> range:
        """Numbers of an epoch's batches, counted from 0 over the whole training; ``epoch`` counts from 1."""
        conf = self.conf
        first, last = (min(e * conf.valid_interval, conf.max_steps) for e in (epoch - 1, epoch))
        return range(first * conf.accum_grad, last * conf.accum_grad)

    def build_iter(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """Keys, ``waveform`` (B, N) and ``num_codebooks`` (B,) of this process, from ``first_batch`` on."""
        for number in self.batches(epoch)[first_batch:]:
            keys = [self.reader.utterance(FIRST_BATCH + number, row) for row in self.rows]
            waveform = self.reader(FIRST_BATCH + number, self.rows)
            yield keys, {"waveform": waveform, "num_codebooks": self._draw_codebooks(number)}

    def _draw_codebooks(self, number: int) -> Tensor:
        """Codebooks that each segment of a batch is decoded from."""
        generator = torch.Generator().manual_seed(self.conf.seed * 1_000_003 + number)
        choices = torch.tensor(self.conf.codebook_choices or range(1, max(self.num_codebooks, 2)))
        drawn = choices[torch.randint(len(choices), (len(self.rows),), generator=generator)]
        dropped = torch.rand(len(self.rows), generator=generator) < self.conf.codebook_dropout
        return torch.where(dropped, drawn, self.num_codebooks)


class ValidationSegments:
    """The same segments at every validation, decoded from all codebooks."""

    def __init__(self, reader: SegmentReader, conf: CodecTrainConf):
        """
        Raises:
            DataError: there are fewer segments than processes.
        """
        self.reader = reader
        self.rows = rows_of_this_process("valid_segments", conf.valid_segments)
        self.size = max(1, conf.batch_size // world_size())

    def batches(self, epoch: int) -> list[range]:
        """Rows of this process, a batch each."""
        return [self.rows[start : start + self.size] for start in range(0, len(self.rows), self.size)]

    def build_iter(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """Keys, and ``waveform`` (B, N) of this process."""
        for rows in self.batches(epoch)[first_batch:]:
            keys = [self.reader.utterance(VALIDATION, row) for row in rows]
            yield keys, {"waveform": self.reader.rows(VALIDATION, rows)}


def rows_of_this_process(name: str, count: int) -> range:
    """Every how-many-th of ``count`` rows, by the number of processes."""
    rows = range(rank(), count, world_size())
    if count < world_size():
        raise DataError(f"{name} {count} is smaller than the number of processes, {world_size()}.")
    return rows
