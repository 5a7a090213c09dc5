"""Learned analysis and synthesis filters of Conv-TasNet (arXiv:1809.07454)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.overlap_add import Framing, OverlapAdd, WholeFraming
from espnet_tse.layers.stream_state import StreamState


class Analysis(nn.Module):
    """(B, N) -> (B, T, C): ReLU of the products of C filters with frames of ``size`` samples.

    Frames end with their hop, so a short filter and a long one look back from the same sample; or, ``whole``,
    there are only those that lie in the signal.
    """

    def __init__(self, num_filters: int, size: int, hop_length: int, bias: bool = False, whole: bool = False):
        super().__init__()
        self.framing = (WholeFraming if whole else Framing)(size, hop_length)
        self.filters = nn.Linear(size, num_filters, bias=bias)

    def forward(self, waveform: Tensor, state: StreamState | None = None) -> Tensor:
        return F.relu(self.filters(self.framing(waveform, state)))


class Synthesis(nn.Module):
    """(B, T, C) -> (B, num_samples): sum of overlapping frames; a stream's is ``size`` - hop samples late.

    ``whole``: of an analysis of whole frames; samples that are in none of them are silent.
    """

    def __init__(self, num_filters: int, size: int, hop_length: int, bias: bool = False, whole: bool = False):
        super().__init__()
        self.filters = nn.Linear(num_filters, size, bias=False)
        self.overlap_add = OverlapAdd(size, hop_length)
        self.bias = nn.Parameter(torch.zeros(1)) if bias else None
        self.delay = 0 if whole else size - hop_length
        # Empty frames behind the last one, so that all of it is there.
        self.rest = -(-(size - hop_length) // hop_length) if whole else 0

    def forward(self, values: Tensor, num_samples: int, state: StreamState | None = None) -> Tensor:
        waveform = self.overlap_add(F.pad(self.filters(values), (0, 0, 0, self.rest)), state)
        if self.bias is not None:
            waveform = waveform + self.bias
        if state is not None:
            return waveform
        waveform = waveform[:, self.delay : self.delay + num_samples]
        return F.pad(waveform, (0, num_samples - waveform.size(1)))
