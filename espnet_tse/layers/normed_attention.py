"""Attention with normalised queries and keys, of a sequence on itself or on another one."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.positional import Rotation, rotate


class KeysValues(NamedTuple):
    """What queries look at; of a fixed sequence they are computed once."""

    keys: Tensor  # (B, H, L, D / H)
    values: Tensor  # (B, H, L, D / H)


class NormedAttention(nn.Module):
    """softmax(LN(q) LN(k)^T / sqrt(d)) v, norms over the channels of a head (arXiv:2302.05442, Sec. 2)."""

    def __init__(self, width: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.query_norm, self.key_norm = (nn.LayerNorm(width // num_heads) for _ in range(2))
        self.out = nn.Linear(width, width)

    def keys_values(self, context: Tensor, turned: Rotation | None = None) -> KeysValues:
        """Of (B, L, D), keys rotated by ``turned`` where given."""
        keys = self.key_norm(self._heads(self.key(context)))
        return KeysValues(keys if turned is None else rotate(keys, turned), self._heads(self.value(context)))

    def forward(
        self, hidden: Tensor, seen: KeysValues, allowed: Tensor | None, turned: Rotation | None = None
    ) -> Tensor:
        """(B, L_q, D) -> (B, L_q, D).

        Args:
            allowed: (B, L) bool, keys that may be looked at, one at least; None where all may.
            turned: rotation of the queries.
        """
        query = self.query_norm(self._heads(self.query(hidden)))
        query = query if turned is None else rotate(query, turned)
        mask = None if allowed is None else allowed[:, None, None]
        mixed = F.scaled_dot_product_attention(query, seen.keys, seen.values, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _heads(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
