"""A mixture that is not held in memory as a whole."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor

from espnet_tse.schema import DecodeConf, Request, TSEBatch


@dataclass
class Recording:
    """One mixture, read in spans, and its enrollment."""

    num_samples: int
    sample_rate: int  # Hz
    span: Callable[[int, int], Tensor]  # first sample, samples -> (n,) float, without a constant offset
    key: str  # utterance id
    enrollment: Tensor | None  # (1, N_e); None where the task has none
    speaker_embedding: Tensor | None = None  # (1, E) of the enrollment, where another model made it
    device: torch.device | str = "cpu"  # of the model

    def chunks(self, starts: Tensor, lengths: Tensor, conf: DecodeConf) -> tuple[TSEBatch, Request]:
        """Batch and request of spans: those that cropping a batch of the whole mixture would give.

        Args:
            starts, lengths: (B,) int64, samples; all lengths are the same.
        """
        spans = [self.span(start, length) for start, length in zip(starts.tolist(), lengths.tolist())]
        size, device = len(spans), self.device
        lengths = lengths.to(device)
        keys = [f"{self.key}@{start}" for start in starts.tolist()]
        embedding = self.speaker_embedding
        batch = TSEBatch(
            torch.stack(spans).to(device),
            lengths,
            None if self.enrollment is None else self.enrollment.expand(size, -1),
            None if self.enrollment is None else torch.full_like(lengths, self.enrollment.size(1)),
            sample_rate=self.sample_rate,
            task=conf.task,
            keys=keys,
            speaker_embedding=None if embedding is None else embedding.expand(size, -1),
        )
        return batch, Request(lengths, keys, conf)
