"""ConvNeXt blocks over time (Liu et al. 2022, as Vocos uses them, arXiv 2306.00814, Sec. 3)."""

import torch
from torch import Tensor, nn

from espnet_tse.layers.adaptive_norm import AdaptiveLayerNorm
from espnet_tse.layers.stream_state import StreamState, with_past


class ConvNeXtBlock(nn.Module):
    """x + scale * W2 GELU(W1 LayerNorm(depthwise(x))), on (B, T, C).

    Args:
        expansion: inner channels as a multiple of ``channels``, unless ``inner_channels`` gives them.
        norm: in place of the plain LayerNorm; an adaptive one is given the condition of ``forward``.
        scale: at the start of a training; small steps from the identity let a short one begin at once.
    """

    def __init__(
        self,
        channels: int,
        expansion: int = 3,
        kernel_size: int = 7,
        inner_channels: int | None = None,
        norm: nn.LayerNorm | AdaptiveLayerNorm | None = None,
        scale: float = 0.3,
    ):
        super().__init__()
        inner_channels = inner_channels or expansion * channels
        self.depthwise = nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.norm = norm if norm is not None else nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, inner_channels)
        self.narrow = nn.Linear(inner_channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(
        self, hidden: Tensor, padding: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """
        Args:
            padding: (B, T) bool, True at padding; then a row does not see what stands behind it.
            condition: (B, C_c) of an adaptive norm.
        """
        if padding is not None:
            hidden = hidden.masked_fill(padding[..., None], 0.0)
        mixed = self.over_time(hidden)
        mixed = self.norm(mixed) if condition is None else self.norm(mixed, condition)
        return hidden + self.scale * self.narrow(nn.functional.gelu(self.widen(mixed)))

    def over_time(self, hidden: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C), each channel by itself."""
        return self.depthwise(hidden.transpose(1, 2)).transpose(1, 2)


class CausalConvNeXtBlock(ConvNeXtBlock):
    """The block on the frames so far; what comes behind a row's end does not reach it."""

    def __init__(self, channels: int, expansion: int = 3, kernel_size: int = 7):
        super().__init__(channels, expansion, kernel_size)
        self.past = kernel_size - 1
        self.depthwise.padding = (0,)

    def forward(
        self, hidden: Tensor, padding: Tensor | None = None, state: StreamState | None = None
    ) -> Tensor:
        """``state``: of a stream, whose next frames ``hidden`` (B, T, C) has."""
        mixed = self.norm(self.over_time(with_past(hidden, self.past, 1, self, state)))
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
