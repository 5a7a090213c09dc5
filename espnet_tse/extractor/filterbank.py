"""Learned analysis and synthesis filters of Conv-TasNet (arXiv:1809.07454)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.overlap_add import Framing, OverlapAdd
from espnet_tse.layers.stream_state import StreamState


class Analysis(nn.Module):
    """(B, N) -> (B, T, C): ReLU of the products of C filters with frames of ``size`` samples.

    Frames end with their hop, so a short filter and a long one look back from the same sample.
    """

    def __init__(self, num_filters: int, size: int, hop_length: int, bias: bool = False):
        super().__init__()
        self.framing, self.filters = Framing(size, hop_length), nn.Linear(size, num_filters, bias=bias)

    def forward(self, waveform: Tensor, state: StreamState | None = None) -> Tensor:
        return F.relu(self.filters(self.framing(waveform, state)))


class Synthesis(nn.Module):
    """(B, T, C) -> (B, num_samples): sum of overlapping frames; a stream's is ``size`` - hop samples late."""

    def __init__(self, num_filters: int, size: int, hop_length: int, bias: bool = False):
        super().__init__()
        self.filters = nn.Linear(num_filters, size, bias=False)
        self.overlap_add = OverlapAdd(size, hop_length)
        self.bias = nn.Parameter(torch.zeros(1)) if bias else None
        self.delay = size - hop_length

    def forward(self, values: Tensor, num_samples: int, state: StreamState | None = None) -> Tensor:
        waveform = self.overlap_add(self.filters(values), state)
        if self.bias is not None:
            waveform = waveform + self.bias
        return waveform if state is not None else waveform[:, self.delay : self.delay + num_samples]
