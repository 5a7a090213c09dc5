"""Attention over time with frames (channels x frequencies) as vectors (arXiv:2211.12433, Sec. III-C)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.checkpointing import recomputed
from espnet_tse.schema.padding import valid_mask


class HeadNorm(nn.Module):
    """A PReLU slope a head, then normalisation over a head's channels and frequencies of each frame."""

    def __init__(self, num_heads: int, width: int, num_bins: int, eps: float = 1e-5):
        super().__init__()
        self.slope = nn.Parameter(torch.full((num_heads,), 0.25))
        self.weight = nn.Parameter(torch.ones(num_heads, 1, num_bins, width))
        self.bias = nn.Parameter(torch.zeros(num_heads, 1, num_bins, width))
        self.eps = eps

    def forward(self, values: Tensor) -> Tensor:
        """(B, T, F, H * W) -> (B, H, T, F * W)."""
        heads = self.weight.size(0)
        values = values.unflatten(-1, (heads, -1)).permute(0, 3, 1, 2, 4)
        values = F.layer_norm(F.prelu(values, self.slope), values.shape[-2:], eps=self.eps)
        return torch.addcmul(self.bias, values, self.weight).flatten(-2)


class GridAttention(nn.Module):
    """Queries of one map, keys and values of another (or the same): frame t is a mean of the other's frames.

    With h heads, q/k vectors have E * F entries, E = ceil(approx_qk_dim / F), and value vectors C / h * F.
    There are no positions: the order of the keys does not matter.
    """

    def __init__(self, width: int, num_bins: int, num_heads: int, approx_qk_dim: int):
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width {width} is not divisible by num_heads {num_heads}.")
        narrow = math.ceil(approx_qk_dim / num_bins)
        self.query, self.key = nn.Linear(width, num_heads * narrow), nn.Linear(width, num_heads * narrow)
        self.value = nn.Linear(width, width)
        self.query_norm = HeadNorm(num_heads, narrow, num_bins)
        self.key_norm = HeadNorm(num_heads, narrow, num_bins)
        self.value_norm = HeadNorm(num_heads, width // num_heads, num_bins)
        self.out, self.out_activation = nn.Linear(width, width), nn.PReLU()
        self.out_norm = nn.LayerNorm((num_bins, width))

    def forward(self, query_maps: Tensor, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            query_maps: (B, T_q, F, C).
            maps: (B, T, F, C), what is looked at.
            lengths: (B,) valid frames of ``maps``; None where all are.
        Returns:
            (B, T_q, F, C).
        """
        mask = None if lengths is None else valid_mask(lengths, maps.size(1))[:, None, None]
        query, key = self.query_norm(self.query(query_maps)), self.key_norm(self.key(maps))
        value = recomputed(True, self.values, maps)
        return recomputed(True, self.merge, F.scaled_dot_product_attention(query, key, value, attn_mask=mask))

    # What lies between the ends of these two is large and cheap to make again: it is not kept.

    def values(self, maps: Tensor) -> Tensor:
        """(B, T, F, C) -> (B, H, T, F * C / H)."""
        return self.value_norm(self.value(maps))

    def merge(self, heads: Tensor) -> Tensor:
        """(B, H, T, F * C / H) -> (B, T, F, C), the output layers."""
        bins, _ = self.out_norm.normalized_shape
        merged = heads.unflatten(-1, (bins, -1)).permute(0, 2, 3, 1, 4).flatten(-2)
        return self.out_norm(self.out_activation(self.out(merged)))
