"""A fixed number of codes for the voice of a recording, whatever its length."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.codec.finite_scalars import FiniteScalars


class VoiceEncoder(nn.Module):
    """Frames -> convolutions -> N queries that attend to them -> finite scalars -> one vector.

    The global branch of BiCodec (arXiv:2503.01710) with dilated convolutions for its ECAPA-TDNN.
    """

    def __init__(
        self,
        input_dim: int,
        channels: int,
        num_queries: int,
        scalars: FiniteScalars,
        output_dim: int,
        heads: int = 4,
    ):
        super().__init__()
        self.scalars = scalars
        self.input = nn.Conv1d(input_dim, channels, 5, padding=2)
        self.dilated = nn.ModuleList(
            nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation) for dilation in (2, 4)
        )
        self.norm = nn.LayerNorm(channels)
        self.queries = nn.Parameter(0.02 * torch.randn(num_queries, channels))
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.to_scalars = nn.Linear(channels, scalars.num_dims)
        self.output = nn.Linear(num_queries * scalars.num_dims, output_dim)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Unpadded rows (b, T, input_dim) -> vectors (b, output_dim) and codes (b, N)."""
        hidden = F.gelu(self.input(frames.transpose(1, 2)))
        for layer in self.dilated:
            hidden = hidden + F.gelu(layer(hidden))
        hidden = self.norm(hidden.transpose(1, 2))
        queries = self.queries.expand(len(frames), -1, -1)
        heard, _ = self.attention(queries, hidden, hidden, need_weights=False)
        levels, codes = self.scalars(self.to_scalars(queries + heard))
        return self.output(levels.flatten(1)), codes

    def vectors(self, codes: Tensor) -> Tensor:
        """(b, N) codes -> (b, output_dim)."""
        return self.output(self.scalars.levels(codes).flatten(1))
