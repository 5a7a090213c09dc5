"""Temporal convolutional network of Conv-TasNet (arXiv:1809.07454, Sec. III), causal on request."""

from functools import partial
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.sequence_norm import sequence_norm, zero_padding
from espnet_tse.layers.stream_state import StreamState, with_past


class DepthwiseConv(nn.Module):
    """A filter a channel along time, with zeros around the sequence; causal: all of them in front."""

    def __init__(self, width: int, kernel: int, dilation: int, causal: bool):
        super().__init__()
        self.reach, self.causal = (kernel - 1) * dilation, causal
        self.conv = nn.Conv1d(width, width, kernel, dilation=dilation, groups=width)

    def forward(self, values: Tensor, state: StreamState | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        values = values.transpose(1, 2)
        if self.causal:
            values = with_past(values, self.reach, 2, self, state)
        else:
            values = F.pad(values, (self.reach // 2, self.reach - self.reach // 2))
        return self.conv(values).transpose(1, 2)


class TCNBlock(nn.Module):
    """x + Linear(norm(PReLU(depthwise(norm(PReLU(Linear(x))))))), and a skip output on request."""

    def __init__(
        self,
        width: int,
        hidden: int,
        kernel: int,
        dilation: int,
        causal: bool,
        skip: int = 0,
        extra_inputs: int = 0,
        last: bool = False,
        new_norm: Callable[[int], nn.Module] | None = None,
    ):
        """
        Args:
            last: of a stack of which only skip outputs are used, so that nothing is added to the input.
            new_norm: makes a norm of a width; None for the one that ``causal`` asks for.
        """
        super().__init__()
        new_norm = new_norm or partial(sequence_norm, causal=causal)
        self.expand, self.first_activation = nn.Linear(width + extra_inputs, hidden), nn.PReLU()
        self.first_norm, self.second_norm = new_norm(hidden), new_norm(hidden)
        self.conv, self.second_activation = DepthwiseConv(hidden, kernel, dilation, causal), nn.PReLU()
        self.reduce = None if last else nn.Linear(hidden, width)
        self.skip = nn.Linear(hidden, skip) if skip else None

    def forward(
        self,
        values: Tensor,
        lengths: Tensor | None = None,
        state: StreamState | None = None,
        extra: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, C) and an extra input (B, E) -> (B, T, C), and (B, T, skip) or None."""
        change, skip = self.changes(values, lengths, state, extra)
        return values if change is None else values + change, skip

    def changes(
        self,
        values: Tensor,
        lengths: Tensor | None = None,
        state: StreamState | None = None,
        extra: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """What ``forward`` adds to its input (None of the last block), and the skip output."""
        inputs = values
        if extra is not None:
            inputs = torch.cat([values, extra[:, None].expand(-1, values.size(1), -1)], dim=-1)
        hidden = self.first_norm(self.first_activation(self.expand(inputs)), lengths)
        hidden = self.conv(zero_padding(hidden, lengths), state)
        hidden = self.second_norm(self.second_activation(hidden), lengths)
        change = None if self.reduce is None else self.reduce(hidden)
        return change, None if self.skip is None else self.skip(hidden)
