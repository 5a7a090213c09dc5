"""Pre-norm transformer with rotary positions, normalised queries and keys, and gated feed-forward layers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.layers.gated_feedforward import GatedFeedforward
from espnet_tse.layers.normed_attention import NormedAttention
from espnet_tse.layers.positional import Rotation, rotation


@dataclass(frozen=True)
class RotaryTransformerConfig:
    """Sizes; the defaults are those of SoloSpeech's condition transformer (arXiv:2505.19314)."""

    width: int = 384
    num_layers: int = 12
    num_heads: int = 6

    def __post_init__(self):
        if min(self.width, self.num_layers, self.num_heads) < 1:
            raise ValueError(f"sizes must be positive: {self}.")
        if self.width % self.num_heads or self.width // self.num_heads % 2:
            raise ValueError(f"width {self.width} wants heads of one even width, not {self.num_heads} heads.")


class RotaryBlock(nn.Module):
    """x += Attention(LN(x)); x += FFN(LN(x))."""

    def __init__(self, width: int, num_heads: int):
        super().__init__()
        self.attention_norm, self.feedforward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.feedforward = NormedAttention(width, num_heads), GatedFeedforward(width)

    def forward(self, hidden: Tensor, allowed: Tensor, turned: Rotation) -> Tensor:
        normed = self.attention_norm(hidden)
        seen = self.attention.keys_values(normed, turned)
        hidden = hidden + self.attention(normed, seen, allowed, turned)
        return hidden + self.feedforward(self.feedforward_norm(hidden))


class RotaryTransformer(nn.Module):
    """Linear input, blocks, LayerNorm, linear output."""

    def __init__(self, config: RotaryTransformerConfig, input_dim: int, output_dim: int):
        super().__init__()
        self.head_dim = config.width // config.num_heads
        self.input = nn.Linear(input_dim, config.width)
        self.blocks = nn.ModuleList(
            RotaryBlock(config.width, config.num_heads) for _ in range(config.num_layers)
        )
        self.output = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, output_dim))

    def forward(self, values: Tensor, allowed: Tensor) -> Tensor:
        """(B, L, input_dim) -> (B, L, output_dim); ``allowed`` (B, L) bool are the valid frames."""
        turned = rotation(torch.arange(values.size(1), device=values.device)[None], self.head_dim)
        hidden = self.input(values)
        for block in self.blocks:
            hidden = block(hidden, allowed, turned)
        return self.output(hidden)
