"""Extraction while the mixture is still coming in."""

import numpy as np
import torch

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue
from espnet_tse.io.scp import DataError
from espnet_tse.layers.stream_state import StreamState


class ExtractionStream:
    """Chunks of a mixture in, chunks of the estimate out; any chunking gives the same samples.

    The estimate's sample n comes out once sample n + latency - 1 of the mixture, rounded up to whole hops,
    has gone in; ``flush`` gives the rest. The estimate is as long as the mixture.
    """

    def __init__(self, extractor: AbsExtractor, cue: Cue):
        """``extractor`` is a causal one, ``cue`` of one enrollment."""
        self.extractor, self.cue, self.state = extractor, cue, StreamState()
        self.waiting = np.zeros(0, dtype=np.float32)  # less than a hop
        self.received, self.returned, self.closed = 0, 0, False

    @property
    def latency(self) -> int:
        """Algorithmic latency in samples: a whole window."""
        return self.extractor.delay + self.extractor.hop_length

    @property
    def latency_s(self) -> float:
        return self.latency / self.extractor.sample_rate

    def push(self, chunk: np.ndarray) -> np.ndarray:
        """The samples (M,) that the chunk (N,) completes; none while less than a window has come in.

        Raises:
            DataError: not one channel of finite float samples, or the stream has ended; or the estimate is not finite.
        """
        chunk = np.asarray(chunk)
        if self.closed:
            raise DataError("this stream was flushed and has ended; open another one.")
        if chunk.ndim != 1 or not np.issubdtype(chunk.dtype, np.floating) or not np.isfinite(chunk).all():
            raise DataError(
                f"a chunk wants shape (N,) and finite float samples, got {chunk.dtype} {chunk.shape}."
            )
        self.received += len(chunk)
        return self._advance(chunk.astype(np.float32))

    def flush(self) -> np.ndarray:
        """The rest of the estimate; the stream ends."""
        hop = self.extractor.hop_length
        missing = self.extractor.delay + -(len(self.waiting) + self.extractor.delay) % hop
        rest = self._advance(np.zeros(missing, dtype=np.float32)) if self.received else self.waiting
        self.closed = True
        return rest

    @torch.no_grad()
    def _advance(self, chunk: np.ndarray) -> np.ndarray:
        self.waiting = np.concatenate([self.waiting, chunk])
        ready = len(self.waiting) - len(self.waiting) % self.extractor.hop_length
        if ready == 0:
            return self.waiting[:0]
        samples, self.waiting = self.waiting[:ready], self.waiting[ready:]
        mixture = torch.from_numpy(samples)[None].to(self.cue.values.device)
        estimate = self.extractor.separate(mixture, None, self.cue, self.state).waveform[0].cpu().numpy()
        if not np.isfinite(estimate).all():
            raise DataError(
                f"the estimate by {type(self.extractor).__name__} holds NaN or infinite samples, {self.returned} samples into "
                "the stream; take weights of a training whose loss was finite."
            )
        # The stream's first ``delay`` samples belong to the time before the mixture began.
        start = self.returned - self.extractor.delay
        self.returned += ready
        return estimate[max(0, -start) : max(0, self.received - start)]
