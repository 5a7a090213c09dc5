"""Keys and values of past positions, so that a decoding step computes one new position only."""

import torch
from torch import Tensor


class KVCache:
    """Static buffers of one transformer stack; every layer appends at the same place."""

    def __init__(
        self, num_layers: int, batch: int, num_heads: int, capacity: int, head_dim: int, like: Tensor
    ):
        shape = (num_layers, batch, num_heads, capacity, head_dim)
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.length = 0  # positions held by every layer
        # Projected distance tables of relative attention, one (H, capacity, head_dim) a layer: they
        # depend on the weights only, so they are computed once and sliced in every step.
        self.distance_keys: dict[int, Tensor] = {}

    @property
    def capacity(self) -> int:
        return self.keys.size(3)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new positions of one layer and return all held so far.

        Args:
            layer: index of the layer; the last layer's call must be followed by ``advance``.
            keys, values: (B, H, L_new, head_dim).
        Returns:
            keys, values: (B, H, length + L_new, head_dim).
        """
        end = self.length + keys.size(2)
        assert end <= self.capacity, f"KV cache of {self.capacity} positions is full"
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, num_positions: int) -> None:
        self.length += num_positions

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all batch rows but ``rows`` (int64 indices): finished rows cost nothing any more."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
