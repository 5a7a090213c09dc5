"""ConvNeXt blocks over time (Liu et al. 2022, as Vocos uses them, arXiv 2306.00814, Sec. 3)."""

import torch
from torch import Tensor, nn


class ConvNeXtBlock(nn.Module):
    """x + scale * W2 GELU(W1 LayerNorm(depthwise(x))), on (B, T, C)."""

    def __init__(self, channels: int, expansion: int = 3, kernel_size: int = 7):
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        # Blocks start as a small step from the identity, which lets a short training begin at once.
        self.scale = nn.Parameter(torch.full((channels,), 0.3))

    def forward(self, hidden: Tensor, padding: Tensor | None = None) -> Tensor:
        """``padding``: (B, T) bool, True at padding; then a row does not see what stands behind it."""
        if padding is not None:
            hidden = hidden.masked_fill(padding[..., None], 0.0)
        mixed = self.norm(self.depthwise(hidden.transpose(1, 2)).transpose(1, 2))
        return hidden + self.scale * self.narrow(nn.functional.gelu(self.widen(mixed)))


class ConvNeXtStack(nn.Module):
    """Linear in, blocks, LayerNorm, linear out: (B, T, D_in) -> (B, T, D_out)."""

    def __init__(self, input_dim: int, channels: int, num_blocks: int, output_dim: int, expansion: int = 3):
        super().__init__()
        self.input = nn.Linear(input_dim, channels)
        self.blocks = nn.ModuleList(ConvNeXtBlock(channels, expansion) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, output_dim)

    def forward(self, features: Tensor, padding: Tensor | None = None) -> Tensor:
        """``padding``: (B, T) bool, True at padding, where rows differ in length."""
        hidden = self.input(features)
        for block in self.blocks:
            hidden = block(hidden, padding)
        return self.output(self.norm(hidden))
