"""Multi-head self-attention with Transformer-XL relative positions or rotary positions."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.kv_cache import KVCache
from espnet_tse.layers.positional import Rotation, rotate, sinusoid

QUERY_BLOCK = 128  # queries of relative attention at a time, without gradients


class SelfAttention(nn.Module):
    """What both kinds of positions share: projections, heads, cache, masking.

    ``allowed`` masks are (B | 1, L_q, L_k) bool, True where a query may look at a key. A query that
    may look at nothing would be NaN, so callers let padded queries look at themselves.
    """

    def __init__(self, width: int, num_heads: int, dropout: float, bias: bool = True):
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width {width} is not divisible by num_heads {num_heads}.")
        self.num_heads, self.head_dim, self.dropout = num_heads, width // num_heads, dropout
        self.query_key_value = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)

    def project(self, hidden: Tensor) -> Tensor:
        """(B, L, D) -> query, key and value, (3, B, H, L, D / H)."""
        projected = self.query_key_value(hidden).unflatten(-1, (3, self.num_heads, self.head_dim))
        return projected.permute(2, 0, 3, 1, 4)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Weighted sum of values -> (B, L_q, D); ``mask`` is bool (allowed) or an additive bias."""
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0
        )
        return mixed.transpose(1, 2).flatten(-2)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """``mix`` and the output layer."""
        return self.out(self.mix(query, key, value, mask))


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
        table = sinusoid(distances, self.distance.in_features).to(self.content_bias.dtype)
        projected = self.distance(self.position_dropout(table))
        return projected.unflatten(-1, (self.num_heads, self.head_dim)).transpose(0, 1)

    def forward(
        self, hidden: Tensor, allowed: Tensor, rotation: Rotation | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        """(B, L_q, D) -> (B, L_q, D); with a cache the keys are all held positions and the new ones."""
        del rotation  # the sequence index is the position
        query, key, value = self.project(hidden)
        if cache is not None:
            key, value = cache.append(layer, key, value)
        shifted, query = query + self.position_bias[:, None], query + self.content_bias[:, None]
        if cache is not None and query.size(2) == 1:
            scores = self.step_scores(shifted, key.size(2), cache, layer)
            return self.attend(query, key, value, self.bias(scores, allowed))
        num_queries, num_keys = query.size(2), key.size(2)
        table = self.distance_keys(torch.arange(num_keys - 1, -num_queries, -1, device=hidden.device))
        # Without gradients a block of queries at a time: the scores of all distances of all queries are
        # twice the attention matrix, and a block of them stays in the processor's cache.
        size = num_queries if torch.is_grad_enabled() else QUERY_BLOCK
        blocks = []
        for start in range(0, num_queries, size):
            rows = slice(start, min(start + size, num_queries))
            within_reach = table[:, num_queries - rows.stop : num_keys + num_queries - 1 - start]
            scores = relative_scores(shifted[:, :, rows], within_reach, num_keys)
            queries_allowed = allowed if allowed.size(1) == 1 else allowed[:, rows]
            blocks.append(self.mix(query[:, :, rows], key, value, self.bias(scores, queries_allowed)))
        return self.out(torch.cat(blocks, dim=1))

    def bias(self, scores: Tensor, allowed: Tensor) -> Tensor:
        """What is added to the scaled products of queries and keys: (B, H, L_q, L_k)."""
        # Masks have no heads: filling a small one and adding it is several times as fast as filling the
        # scores.
        floor = torch.zeros_like(allowed, dtype=scores.dtype).masked_fill_(~allowed, float("-inf"))
        return torch.add(floor[:, None], scores, alpha=1 / math.sqrt(self.head_dim))

    def step_scores(self, query: Tensor, num_keys: int, cache: KVCache, layer: int) -> Tensor:
        """Position scores of the newest position alone: (B, H, 1, d_k) -> (B, H, 1, num_keys)."""
        if layer not in cache.distance_keys:
            distances = torch.arange(cache.capacity - 1, -1, -1, device=query.device)
            # A head's keys in one piece: rows 2 KB apart are read at a third of the speed.
            cache.distance_keys[layer] = self.distance_keys(distances).contiguous()
        # Key j lies num_keys - 1 - j behind the query: the end of the table, without a copy. The rows of a
        # batch are columns of one product a head; a product a row and head would copy the table for each.
        table = cache.distance_keys[layer][:, cache.capacity - num_keys :]
        return torch.bmm(table, query[:, :, 0].permute(1, 2, 0)).permute(2, 0, 1)[:, :, None]


def relative_scores(query: Tensor, table: Tensor, num_keys: int) -> Tensor:
    """(q_i + v) (W_p R_{i-j}) of consecutive queries.

    Args:
        query: (B, H, L_q, d_k), the position bias added.
        table: (H, num_keys + L_q - 1, d_k), keys of the distances from the last query's to the first key
            down to the first query's to the last key.
    Returns:
        (B, H, L_q, num_keys), not yet scaled.
    """
    num_queries, width = query.size(2), table.size(1)
    by_distance = query @ table.transpose(-1, -2)
    # Row i wants the window that begins num_queries - 1 - i columns in. Padding one column in
    # front and reading the rows one element later each moves every row by one (the usual shift).
    padded = F.pad(by_distance, (1, 0)).flatten(2)[:, :, num_queries:]
    return padded.unflatten(2, (num_queries, width))[..., :num_keys]


class RotarySelfAttention(SelfAttention):
    """Scaled dot product of rotated queries and keys (arXiv:2104.09864).

    Positions are given by the caller and may be times: frames of two spans that sound together then
    lie at distance zero, whatever stands between them in the sequence. Without positions nothing is rotated: the
    hidden states then hold them.
    """

    def forward(
        self, hidden: Tensor, allowed: Tensor, rotation: Rotation | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        """(B, L_q, D) -> (B, L_q, D); ``rotation`` is that of the new frames."""
        projected = self.project(hidden)
        query, key, value = projected
        if rotation is not None:
            query, key = rotate(projected[:2], rotation)
        if cache is not None:
            key, value = cache.append(layer, key, value)
        return self.attend(query, key, value, allowed[:, None])
