"""The mask networks of Mask2Flow-TSE: convolutions and LSTMs of the paper's first version, or convolutions alone."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.adaptive_norm import AdaptiveLayerNorm
from espnet_tse.layers.blstm import BLSTM
from espnet_tse.layers.convnext import ConvNeXtBlock
from espnet_tse.layers.sequence_norm import frame_mask, zero_padding
from espnet_tse.schema import Frames

OPEN = 2.0  # logit of the mask at the start of a training: 0.88


class PlaneNorm(nn.Module):
    """Mean and variance over channels and bands of each frame; a gain and a shift a channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, planes: Tensor) -> Tensor:
        """(B, C, T, M) -> the same shape."""
        mean = planes.mean(dim=3, keepdim=True).mean(dim=1, keepdim=True)
        square = planes.square().mean(dim=3, keepdim=True).mean(dim=1, keepdim=True)
        variance = (square - mean.square()).clamp_min(0.0)
        # A factor and a shift a channel and frame: one pass over the planes.
        scale = torch.rsqrt(variance + 1e-5) * self.weight[:, None, None]
        return torch.addcmul(self.bias[:, None, None] - mean * scale, planes, scale)


class PlaneStack(nn.Module):
    """Convolutions over time and bands, each with a norm of its frames; padding stays zero."""

    def __init__(self, kernels: tuple[tuple[int, int], ...], channels: int, maps: int):
        """
        Args:
            kernels: odd sizes over time and bands.
            channels: of all but the last one, which has ``maps``.
        """
        super().__init__()
        sizes = [1, *[channels] * (len(kernels) - 1), maps]
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
            for inputs, outputs, kernel in zip(sizes, sizes[1:], kernels)
        )
        self.norms = nn.ModuleList(PlaneNorm(outputs) for outputs in sizes[1:])

    def forward(self, frames: Frames) -> Tensor:
        """(B, T, M) -> (B, T, maps * M)."""
        planes, valid = frames.values[:, None], None
        if int(frames.lengths.min()) < planes.size(2):
            valid = frame_mask(frames.values, frames.lengths)[:, None]  # (B, 1, T, 1)
        for layer, norm in zip(self.layers, self.norms):
            planes = F.leaky_relu(norm(layer(planes)), 0.1, inplace=True)
            planes = planes if valid is None else planes * valid
        return planes.transpose(1, 2).flatten(2)


@dataclass(frozen=True)
class LSTMMaskConfig:
    """12,660,328 parameters at the defaults with 80 bands and a speaker vector of 512; the paper says 12.7 M.

    Its convolutions are only described in part (arXiv:2603.12837, v1); these are VoiceFilter's (arXiv:1810.04826).
    """

    kernels: tuple[tuple[int, int], ...] = ((1, 7), (7, 1), (5, 5), (5, 5), (5, 5), (5, 5), (5, 5), (1, 1))
    channels: int = 64
    maps: int = 8
    lstm_width: int = 416  # a direction
    dropout: float = 0.1

    def __post_init__(self):
        object.__setattr__(self, "kernels", tuple(tuple(kernel) for kernel in self.kernels))
        pairs = all(
            len(kernel) == 2 and all(size > 0 and size % 2 for size in kernel) for kernel in self.kernels
        )
        if not self.kernels or not pairs:
            raise ValueError(f"kernels {self.kernels} want pairs of odd sizes over time and bands.")
        if min(self.channels, self.maps, self.lstm_width) < 1:
            raise ValueError(f"sizes of a mask network must be positive: {self}.")


class LSTMMask(nn.Module):
    """Convolutions, then two bidirectional LSTM layers that hear the speaker (arXiv:2603.12837, v1, Sec. 5.2.2)."""

    def __init__(self, config: LSTMMaskConfig, num_mels: int, speaker_dim: int):
        super().__init__()
        self.planes = PlaneStack(config.kernels, config.channels, config.maps)
        inputs, width = config.maps * num_mels + speaker_dim, 2 * config.lstm_width
        self.first, self.second = (
            BLSTM(inputs, config.lstm_width),
            BLSTM(width + speaker_dim, config.lstm_width),
        )
        self.residual = nn.Linear(inputs, width, bias=False)
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, num_mels)
        nn.init.constant_(self.out.bias, OPEN)

    def forward(self, frames: Frames, speaker: Tensor) -> Tensor:
        """Logits of the mask, (B, T, M); see ``mask_logits``."""
        speaker = speaker.expand(frames.values.size(1), -1, -1)  # time first, as the LSTMs want it
        hidden = torch.cat([self.planes(frames).transpose(0, 1), speaker], dim=-1)
        hidden = self.first_norm(self.first(hidden, frames.lengths) + self.residual(hidden))
        heard = torch.cat([self.dropout(hidden), speaker], dim=-1)
        hidden = self.second_norm(self.second(heard, frames.lengths) + hidden)
        return self.out(self.dropout(hidden)).transpose(0, 1)


@dataclass(frozen=True)
class ConvMaskConfig:
    """A reading of the paper's second version, which says "lightweight convolution" and no sizes; 12.5 M parameters."""

    width: int = 448
    num_blocks: int = 6
    expansion: int = 4

    def __post_init__(self):
        if min(self.width, self.num_blocks, self.expansion) < 1:
            raise ValueError(f"sizes of a mask network must be positive: {self}.")


class ConvMask(nn.Module):
    """ConvNeXt blocks over time whose norms follow the speaker."""

    def __init__(self, config: ConvMaskConfig, num_mels: int, speaker_dim: int):
        super().__init__()
        self.input = nn.Linear(num_mels, config.width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(
                config.width,
                config.expansion,
                norm=AdaptiveLayerNorm(speaker_dim, config.width, one_plus_scale=True),
            )
            for _ in range(config.num_blocks)
        )
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, num_mels)
        nn.init.constant_(self.out.bias, OPEN)

    def forward(self, frames: Frames, speaker: Tensor) -> Tensor:
        """Logits of the mask, (B, T, M); see ``mask_logits``."""
        hidden = self.input(frames.values)
        for block in self.blocks:
            hidden = block(hidden, frames.padding_mask, speaker)
        return self.out(self.norm(hidden))


def level_free(frames: Frames) -> Frames:
    """The frames divided by the root of their mean square over bands and valid frames; silence stays."""
    values = zero_padding(frames.values, frames.lengths)
    total = values.square().sum(dim=(1, 2)) / (frames.lengths * values.size(2))
    scale = total.sqrt().clamp_min(1e-8)[:, None, None]
    return Frames(values / scale, frames.lengths, frames.frame_rate)
