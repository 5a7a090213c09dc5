"""The TF-GridNet block (arXiv:2211.12433): recurrences over frequency and time, attention over time."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.grid_attention import GridAttention
from espnet_tse.layers.blstm import BLSTM
from espnet_tse.layers.checkpointing import recomputed
from espnet_tse.layers.sequence_norm import zero_padding


@dataclass(frozen=True)
class GridConfig:
    """Sizes of a stack of blocks; the defaults are USEF-TFGridNet's."""

    num_blocks: int = 6
    width: int = 256  # C, channels of a time-frequency cell
    hidden: int = 256  # H of the LSTMs, a direction
    num_heads: int = 4
    approx_qk_dim: int = 512
    kernel: int = 1  # I, neighbouring cells that a recurrent step reads
    hop: int = 1  # J, cells that a recurrent step advances
    checkpoint_blocks: bool = False  # keep only the inputs of a block's parts for the backward pass
    recompute_gates: bool = False  # of the LSTMs, on CPUs: less memory for a third more time

    def __post_init__(self):
        sizes = (self.num_blocks, self.width, self.hidden, self.num_heads, self.approx_qk_dim)
        if min(*sizes, self.kernel, self.hop) < 1:
            raise ValueError(f"sizes of TF-GridNet blocks must be positive: {self}.")
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} is not divisible by num_heads {self.num_heads}.")
        if self.hop > self.kernel:
            raise ValueError(
                f"hop {self.hop} is above kernel {self.kernel}: cells between two steps would be lost."
            )


class GridRecurrence(nn.Module):
    """x + Linear(BLSTM(LayerNorm(x))) along the first axis, ``kernel`` cells a step and ``hop`` apart.

    Time-major throughout: an LSTM's own layout, so that nothing is transposed around it.
    """

    def __init__(self, config: GridConfig):
        super().__init__()
        self.kernel, self.hop = config.kernel, config.hop
        self.norm = nn.LayerNorm(config.width)
        self.recurrent = BLSTM(config.width * config.kernel, config.hidden, config.recompute_gates)
        # The same function as a ConvTranspose1d of this kernel and stride: a product, then an overlapping
        # sum.
        self.out = nn.Linear(2 * config.hidden, config.kernel * config.width, bias=False)
        num_biases = config.width if self.overlaps else config.kernel * config.width
        self.out_bias = nn.Parameter(torch.zeros(num_biases))
        bound = (2 * config.hidden) ** -0.5
        nn.init.uniform_(self.out_bias, -bound, bound)

    @property
    def overlaps(self) -> bool:
        return self.hop < self.kernel

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(L, N, C) -> (L, N, C), L of which whole steps are made.

        Args:
            lengths: (N,) valid cells of each sequence, whole steps too; None where all are L. Those behind
                are garbage.
        """
        if self.kernel == 1:
            return maps + F.linear(self.recurrent(maps, lengths, self.norm), self.out.weight, self.out_bias)
        if lengths is not None:
            lengths = (lengths - self.kernel) // self.hop + 1
        unfolded = self.norm(maps).unfold(0, self.kernel, self.hop).flatten(2)  # (steps, N, C * I)
        pieces = self.out(self.recurrent(unfolded, lengths)).unflatten(2, (self.kernel, -1))
        return maps + self.overlap(pieces)

    def overlap(self, pieces: Tensor) -> Tensor:
        """(steps, N, I, C) -> (cells, N, C)."""
        if not self.overlaps:
            pieces = (pieces.flatten(2) + self.out_bias).unflatten(2, (self.kernel, -1))
            return pieces.transpose(1, 2).flatten(0, 1)
        steps = pieces.size(0)
        summed = pieces.new_zeros((steps - 1) * self.hop + self.kernel, *pieces[0, :, 0].shape)
        for offset in range(self.kernel):
            summed[offset : offset + (steps - 1) * self.hop + 1 : self.hop] += pieces[:, :, offset]
        return summed + self.out_bias


class GridBlock(nn.Module):
    """Full-band, sub-band and cross-frame modelling, each added to its input."""

    def __init__(self, config: GridConfig, num_bins: int):
        super().__init__()
        self.checkpointed, self.kernel, self.hop = config.checkpoint_blocks, config.kernel, config.hop
        self.over_frequency, self.over_time = GridRecurrence(config), GridRecurrence(config)
        self.attention = GridAttention(config.width, num_bins, config.num_heads, config.approx_qk_dim)

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T, F, C) -> (B, T, F, C); frames behind ``lengths`` (B,) are garbage and are not read."""
        _, frames, bins, _ = maps.shape
        margin = self.kernel - self.hop
        if self.kernel > 1:
            # Cells around a map are zeros, be they padding of the batch or of the kernel.
            behind = (self.extent(bins) - bins - margin, self.extent(frames) - frames - margin)
            maps = F.pad(zero_padding(maps, lengths), (0, 0, margin, behind[0], margin, behind[1]))
        # Each part is computed again by itself: the backward pass never holds more than one.
        maps = recomputed(self.checkpointed, self.along_frequency, maps)
        maps = recomputed(self.checkpointed, self.along_time, maps, lengths)
        maps = maps[:, margin : margin + frames, margin : margin + bins]
        # A twentieth of the LSTMs' time and a fifth of their memory: attention is never kept.
        return maps + recomputed(True, self.attention, maps, maps, lengths)

    def along_frequency(self, maps: Tensor) -> Tensor:
        """The sequences are the frames."""
        by_bin = maps.permute(2, 0, 1, 3)
        rows = by_bin.reshape(by_bin.size(0), -1, by_bin.size(3))
        return self.over_frequency(rows).view(by_bin.shape).permute(1, 2, 0, 3)

    def along_time(self, maps: Tensor, lengths: Tensor | None) -> Tensor:
        """The sequences are the bins."""
        by_frame = maps.transpose(0, 1)
        sequences = None if lengths is None else self.extent(lengths).repeat_interleave(maps.size(2))
        rows = by_frame.reshape(by_frame.size(0), -1, by_frame.size(3))
        return self.over_time(rows, sequences).view(by_frame.shape).transpose(0, 1)

    def extent(self, length):
        """Cells of whole steps that cover ``length`` cells, int or tensor, with kernel - hop around."""
        covered = length + 2 * (self.kernel - self.hop) - self.kernel
        return (covered + self.hop - 1) // self.hop * self.hop + self.kernel
