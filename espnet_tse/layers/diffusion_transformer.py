"""Transformer blocks whose norms follow a condition and that begin as the identity (DiT, arXiv:2212.09748)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.attention import RotarySelfAttention
from espnet_tse.layers.positional import Rotation, rotation
from espnet_tse.layers.transformer import bidirectional_mask

TIME_SCALE = 1000.0  # sinusoids resolve whole numbers, flow time lies in [0, 1]
TIME_WAVES = 256


class TimeEmbedding(nn.Module):
    """MLP of sinusoids of the flow time: (B,) -> (B, width)."""

    def __init__(self, width: int, scale: float = TIME_SCALE):
        """
        Args:
            scale: radians of the fastest sinusoid while the time goes from 0 to 1; what is to be differentiated by
                the time wants a small one.
        """
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(nn.Linear(TIME_WAVES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time: Tensor) -> Tensor:
        half = TIME_WAVES // 2
        rates = torch.exp(torch.arange(half, device=time.device) * (-math.log(10000.0) / half))
        angles = self.scale * time.float()[:, None] * rates
        return self.layers(torch.cat([angles.cos(), angles.sin()], dim=-1))


def modulated(hidden: Tensor, shift: Tensor, scale: Tensor, eps: float = 1e-6) -> Tensor:
    """(1 + scale) LayerNorm(x) + shift, a shift and a scale a row (arXiv:2603.12837, Eq. 14)."""
    return F.layer_norm(hidden, hidden.shape[-1:], eps=eps) * (1 + scale[:, None]) + shift[:, None]


class DiTBlock(nn.Module):
    """h += a f(modulated(h)) for attention and feed-forward; a, shifts and scales are linear in SiLU(c), zero at first.

    arXiv:2603.12837, Eq. 14 and 15; positions are rotary.
    """

    def __init__(self, width: int, num_heads: int, feedforward: int, dropout: float):
        super().__init__()
        self.modulation = zeroed(nn.Linear(width, 6 * width))
        self.attention = RotarySelfAttention(width, num_heads, dropout)
        self.feedforward = nn.Sequential(
            nn.Linear(width, feedforward),
            nn.GELU(approximate="tanh"),
            nn.Dropout(dropout),
            nn.Linear(feedforward, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, condition: Tensor, allowed: Tensor, turned: Rotation) -> Tensor:
        """(B, T, width) and conditions (B, width) -> (B, T, width)."""
        shift, scale, gate, shift_2, scale_2, gate_2 = self.modulation(F.silu(condition)).chunk(6, dim=-1)
        attended = self.attention(modulated(hidden, shift, scale), allowed, turned, None, 0)
        hidden = hidden + gate[:, None] * self.dropout(attended)
        return hidden + gate_2[:, None] * self.dropout(self.feedforward(modulated(hidden, shift_2, scale_2)))


class DiT(nn.Module):
    """Linear input, blocks, a modulated norm and a linear output that is zero at first."""

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        num_layers: int,
        width: int,
        num_heads: int,
        feedforward: int,
        dropout: float,
    ):
        super().__init__()
        self.num_heads, self.width = num_heads, width
        self.input = nn.Linear(input_dim, width)
        self.blocks = nn.ModuleList(
            DiTBlock(width, num_heads, feedforward, dropout) for _ in range(num_layers)
        )
        self.last_modulation = zeroed(nn.Linear(width, 2 * width))
        self.output = zeroed(nn.Linear(width, output_dim))

    def forward(
        self, values: Tensor, condition: Tensor, padding: Tensor, positions: Tensor | None = None
    ) -> Tensor:
        """Frames of any number.

        Args:
            values: (B, T, input_dim).
            condition: (B, width).
            padding: (B, T) bool, True at padding, which no valid frame sees.
            positions: (B, T) of the frames, of which only differences matter; None for one after the other.
        Returns:
            (B, T, output_dim); padding means nothing.
        """
        if positions is None:
            positions = torch.arange(values.size(1), device=values.device)[None]
        turned, allowed = rotation(positions, self.width // self.num_heads), bidirectional_mask(padding)
        hidden = self.input(values)
        for block in self.blocks:
            hidden = block(hidden, condition, allowed, turned)
        shift, scale = self.last_modulation(F.silu(condition)).chunk(2, dim=-1)
        return self.output(modulated(hidden, shift, scale))


def zeroed(layer: nn.Linear) -> nn.Linear:
    """``layer`` with weights and bias 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
