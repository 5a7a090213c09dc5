"""A fixed number of vectors of any sequence: learned queries that attend to it (arXiv:2204.14198)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class QueryAttention(nn.Module):
    """Queries attend to themselves and the context, without biases: (B, M, D), (B, T, D) -> (B, M, D)."""

    def __init__(self, dim: int, num_heads: int, head_dim: int):
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, num_heads * head_dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * num_heads * head_dim, bias=False)
        self.out = nn.Linear(num_heads * head_dim, dim, bias=False)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        key, value = self.key_value(torch.cat([queries, context], dim=1)).chunk(2, dim=2)
        query, key, value = (
            part.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for part in (self.query(queries), key, value)
        )
        return self.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class GatedFeedForward(nn.Module):
    """W2 (a * GELU(b)) with (a, b) = W1 x (GEGLU, arXiv:2002.05202), as large as a plain one of ``expansion``."""

    def __init__(self, dim: int, expansion: int = 4):
        super().__init__()
        inner = int(dim * expansion * 2 / 3)
        self.widen = nn.Linear(dim, 2 * inner)
        self.narrow = nn.Linear(inner, dim)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, M, D) -> (B, M, D)."""
        value, gate = self.widen(hidden).chunk(2, dim=-1)
        return self.narrow(value * F.gelu(gate))


class PerceiverResampler(nn.Module):
    """(B, T, context_dim) -> (B, num_queries, dim).

    As BiCodec's: no norms but the last, which divides by the RMS and has a gain.
    """

    def __init__(
        self, context_dim: int, dim: int, num_queries: int, depth: int, num_heads: int, head_dim: int
    ):
        super().__init__()
        self.context = nn.Linear(context_dim, dim)
        self.queries = nn.Parameter(0.02 * torch.randn(num_queries, dim))
        self.attention = nn.ModuleList(QueryAttention(dim, num_heads, head_dim) for _ in range(depth))
        self.feedforward = nn.ModuleList(GatedFeedForward(dim) for _ in range(depth))
        self.gain = nn.Parameter(torch.ones(dim))

    def forward(self, frames: Tensor) -> Tensor:
        context = self.context(frames)
        queries = self.queries.expand(len(frames), -1, -1)
        for attention, feedforward in zip(self.attention, self.feedforward):
            queries = queries + attention(queries, context)
            queries = queries + feedforward(queries)
        return F.normalize(queries, dim=-1) * queries.size(-1) ** 0.5 * self.gain
