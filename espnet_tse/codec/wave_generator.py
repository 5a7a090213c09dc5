"""Frames -> samples by transposed convolutions and periodic activations, as DAC decodes (arXiv:2306.06546)."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

DILATIONS = (1, 3, 9)
TINY = 1e-9


class Snake(nn.Module):
    """x + sin^2(a x) / a with a learned a for each channel (arXiv:2006.08195): (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + torch.sin(self.alpha * hidden).square() / (self.alpha + TINY)


class ResidualUnit(nn.Module):
    """x + conv1(snake(conv7(snake(x)))), (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.layers = nn.Sequential(
            Snake(channels),
            weight_norm(nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation)),
            Snake(channels),
            weight_norm(nn.Conv1d(channels, channels, 1)),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.layers(hidden)


class UpsamplingBlock(nn.Sequential):
    """(B, C_in, T) -> (B, C_out, T * stride), exactly: the kernel is longer than the stride by 0, 2, 4 ..."""

    def __init__(self, input_channels: int, channels: int, kernel_size: int, stride: int):
        if kernel_size < stride or (kernel_size - stride) % 2:
            raise ValueError(
                f"kernel size {kernel_size} and stride {stride}: want a kernel as long or longer by an even "
                "number, or the waveform has not one hop a frame."
            )
        upsampling = nn.ConvTranspose1d(
            input_channels, channels, kernel_size, stride, padding=(kernel_size - stride) // 2
        )
        super().__init__(
            Snake(input_channels),
            weight_norm(upsampling),
            *(ResidualUnit(channels, dilation) for dilation in DILATIONS),
        )


class WaveGenerator(nn.Module):
    """(B, T, input_dim) -> (B, T * product of the strides), in (-1, 1).

    Args:
        channels: behind the first convolution; each block halves them.
    """

    def __init__(
        self, input_dim: int, channels: int, strides: tuple[int, ...], kernel_sizes: tuple[int, ...]
    ):
        super().__init__()
        if channels % 2 ** len(strides):
            raise ValueError(f"channels {channels} cannot be halved {len(strides)} times.")
        self.input = weight_norm(nn.Conv1d(input_dim, channels, 7, padding=3))
        widths = [channels // 2**place for place in range(len(strides) + 1)]
        self.blocks = nn.ModuleList(
            UpsamplingBlock(*sizes) for sizes in zip(widths, widths[1:], kernel_sizes, strides)
        )
        self.activation = Snake(widths[-1])
        self.output = weight_norm(nn.Conv1d(widths[-1], 1, 7, padding=3))

    def forward(self, frames: Tensor) -> Tensor:
        hidden = self.input(frames.transpose(1, 2))
        for block in self.blocks:
            hidden = block(hidden)
        return torch.tanh(self.output(self.activation(hidden)))[:, 0]
