"""Frames <-> samples: overlapping windows of a signal and their sum."""

from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.stream_state import StreamState, with_past


class OverlapAdd(nn.Module):
    """Sum of frames of ``size`` samples, each ``hop`` samples after the one before."""

    def __init__(self, size: int, hop: int):
        super().__init__()
        self.size, self.hop = size, hop

    def forward(self, frames: Tensor, state: StreamState | None = None) -> Tensor:
        """(B, T, size) -> (B, T * hop): sample n is complete when frame n // hop is there.

        The tail of size - hop samples that later frames add to is kept in ``state``, or dropped.
        """
        steps, kept = frames.size(1), self.size - self.hop
        total = (steps - 1) * self.hop + self.size
        # Every frame's part of one hop goes to the same place of its frame: whole additions, no fold sample
        # by sample.
        parts = F.pad(frames, (0, -self.size % self.hop)).unflatten(2, (-1, self.hop)).unbind(2)
        last = len(parts) - 1
        summed = sum(F.pad(part, (0, 0, index, last - index)) for index, part in enumerate(parts))
        summed = summed.flatten(1)[:, :total]
        if state is not None:
            if self in state:
                summed = summed + F.pad(state[self], (0, total - kept))
            state[self] = summed[:, total - kept :]
        return summed[:, : steps * self.hop]


class Framing(nn.Module):
    """Frames that end with each hop: frame t holds the ``size`` samples before sample (t + 1) * hop.

    So frame t begins ``delay`` = size - hop samples before its hop, and after ``OverlapAdd`` sample n of
    the signal stands at n + delay.
    """

    def __init__(self, size: int, hop: int):
        super().__init__()
        self.size, self.hop = size, hop

    @property
    def delay(self) -> int:
        return self.size - self.hop

    def num_frames(self, lengths: Tensor) -> Tensor:
        """Frames that reach any of the first ``lengths`` samples, (B,)."""
        return (lengths + self.delay + self.hop - 1) // self.hop

    def forward(self, waveform: Tensor, state: StreamState | None = None) -> Tensor:
        """(B, N) -> (B, T, size): a whole signal, completed by zeros, or whole hops of a stream."""
        if state is None:
            waveform = F.pad(waveform, (0, self.delay + -(waveform.size(1) + self.delay) % self.hop))
        return with_past(waveform, self.delay, 1, self, state).unfold(1, self.size, self.hop)


class WholeFraming(nn.Module):
    """Only frames that lie in the signal: frame t holds the ``size`` samples from t * hop on.

    What is behind the last whole frame is in none, and after ``OverlapAdd`` sample n stands at n. There is no
    stream of it: it would want to know that a signal begins.
    """

    delay = 0

    def __init__(self, size: int, hop: int):
        super().__init__()
        self.size, self.hop = size, hop

    def num_frames(self, lengths: Tensor) -> Tensor:
        """Frames that lie in the first ``lengths`` samples, (B,); one of a signal that is shorter than a frame."""
        return ((lengths - self.size) // self.hop + 1).clamp_min(1)

    def forward(self, waveform: Tensor, state: StreamState | None = None) -> Tensor:
        """(B, N) -> (B, T, size)."""
        assert state is None
        return F.pad(waveform, (0, max(self.size - waveform.size(1), 0))).unfold(1, self.size, self.hop)
