"""Multi-head self-attention with Transformer-XL relative positions or rotary positions."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.kv_cache import KVCache
from espnet_tse.layers.positional import rotate, sinusoid


class SelfAttention(nn.Module):
    """What both kinds of positions share: projections, heads, cache, masking.

    ``allowed`` masks are (B | 1, L_q, L_k) bool, True where a query may look at a key. A query that
    may look at nothing would be NaN, so callers let padded queries look at themselves.
    """

    def __init__(self, width: int, num_heads: int, dropout: float):
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width {width} is not divisible by num_heads {num_heads}.")
        self.num_heads, self.head_dim, self.dropout = num_heads, width // num_heads, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def heads(self, hidden: Tensor) -> Tensor:
        """(B, L, D) -> (B, H, L, D / H)."""
        return hidden.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Weighted sum of values -> (B, L_q, D); ``mask`` is bool (allowed) or an additive bias."""
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(mixed.transpose(1, 2).flatten(-2))


class RelativeSelfAttention(SelfAttention):
    """score(i, j) = [(q_i + u) k_j + (q_i + v) (W_p R_{i-j})] / sqrt(d_k) (arXiv:1901.02860, Sec. 3.3).

    Distances are those of the sequence index, so left padding changes nothing.
    """

    def __init__(self, width: int, num_heads: int, dropout: float, position_dropout: float):
        super().__init__(width, num_heads, dropout)
        self.distance = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.empty(num_heads, self.head_dim))
        self.position_bias = nn.Parameter(torch.empty(num_heads, self.head_dim))
        self.position_dropout = nn.Dropout(position_dropout)
        nn.init.xavier_uniform_(self.content_bias)
        nn.init.xavier_uniform_(self.position_bias)

    def distance_keys(self, distances: Tensor) -> Tensor:
        """W_p R of the given distances: (M,) -> (H, M, d_k)."""
        table = sinusoid(distances, self.distance.in_features).to(self.distance.weight.dtype)
        projected = self.distance(self.position_dropout(table))
        return projected.unflatten(-1, (self.num_heads, self.head_dim)).transpose(0, 1)

    def forward(
        self, hidden: Tensor, allowed: Tensor, positions: Tensor | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        """(B, L_q, D) -> (B, L_q, D); with a cache the keys are all held positions and the new ones."""
        del positions  # the sequence index is the position
        query, key, value = self.heads(self.query(hidden)), self.heads(self.key(hidden)), self.heads(self.value(hidden))
        if cache is not None:
            key, value = cache.append(layer, key, value)
        shifted = query + self.position_bias[:, None]
        if cache is not None and query.size(2) == 1:
            if layer not in cache.distance_keys:
                distances = torch.arange(cache.capacity - 1, -1, -1, device=hidden.device)
                cache.distance_keys[layer] = self.distance_keys(distances)
            # Key j lies key_length - 1 - j behind the only query: the end of the table, without a copy.
            table = cache.distance_keys[layer][:, cache.capacity - key.size(2) :]
            scores = shifted @ table.transpose(-1, -2)
        else:
            scores = self.relative_scores(shifted, key.size(2))
        bias = (scores / math.sqrt(self.head_dim)).masked_fill(~allowed[:, None], float("-inf"))
        return self.attend(query + self.content_bias[:, None], key, value, bias)

    def relative_scores(self, query: Tensor, num_keys: int) -> Tensor:
        """(q_i + v) (W_p R_{i-j}) for queries that are the last of ``num_keys`` positions.

        Args:
            query: (B, H, L_q, d_k), the position bias added.
        Returns:
            (B, H, L_q, num_keys), not yet scaled.
        """
        num_queries = query.size(2)
        distances = torch.arange(num_keys - 1, -num_queries, -1, device=query.device)
        by_distance = query @ self.distance_keys(distances).transpose(-1, -2)  # (B, H, L_q, L_k + L_q - 1)
        # Row i wants the window that begins num_queries - 1 - i columns in. Padding one column in
        # front and reading the rows one element later each moves every row by one (the usual shift).
        width = by_distance.size(-1)
        padded = F.pad(by_distance, (1, 0)).flatten(2)[:, :, num_queries:]
        return padded.unflatten(2, (num_queries, width))[..., :num_keys]


class RotarySelfAttention(SelfAttention):
    """Scaled dot product of rotated queries and keys (arXiv:2104.09864).

    Positions are given by the caller and may be times: frames of two spans that sound together then
    lie at distance zero, whatever stands between them in the sequence.
    """

    def forward(
        self, hidden: Tensor, allowed: Tensor, positions: Tensor | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        """(B, L_q, D) -> (B, L_q, D); ``positions`` are (B, L_q), those of the new frames."""
        assert positions is not None, "rotary attention wants positions"
        query = rotate(self.heads(self.query(hidden)), positions)
        key, value = rotate(self.heads(self.key(hidden)), positions), self.heads(self.value(hidden))
        if cache is not None:
            key, value = cache.append(layer, key, value)
        return self.attend(query, key, value, allowed[:, None])
