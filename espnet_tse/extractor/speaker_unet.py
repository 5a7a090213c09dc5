"""Nested U-modules of gated convolutions, after X-TF-GridNet's cue encoder (Inf. Fusion 112, 2024)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.layers.equal_length import map_equal_length


@dataclass(frozen=True)
class SpeakerUNetConfig:
    """Sizes; depths and pools are the authors', width and output are ours."""

    width: int = 48
    depths: tuple[int, ...] = (4, 3, 2, 1)  # halvings of frequency inside of each module
    pool: int = 3  # frames that become one behind every module
    output_dim: int = 256

    def __post_init__(self):
        object.__setattr__(self, "depths", tuple(self.depths))
        if min(self.width, self.pool, self.output_dim, *self.depths) < 1:
            raise ValueError(f"sizes of a speaker U-net must be positive: {self}.")


class GatedConv(nn.Module):
    """Convolution over frequency (and time where ``reach`` is 3), gated, normalised, PReLU."""

    def __init__(self, inputs: int, outputs: int, reach: int = 1, stride: int = 1, transposed: bool = False):
        super().__init__()
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.conv = kind(inputs, 2 * outputs, (reach, 3), stride=(1, stride), padding=(reach // 2, 1))
        self.norm, self.activation = nn.InstanceNorm2d(outputs, affine=True), nn.PReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C', T, F')."""
        return self.activation(self.norm(F.glu(self.conv(maps), dim=1)))


class UModule(nn.Module):
    """A gated convolution that halves the frequencies, and a small U-net whose result is added to it."""

    def __init__(self, inputs: int, width: int, depth: int):
        super().__init__()
        self.entry = GatedConv(inputs, width, reach=3, stride=2)
        self.down = nn.ModuleList(GatedConv(width, width, stride=2) for _ in range(depth))
        self.up = nn.ModuleList(GatedConv(width, width, stride=2, transposed=True) for _ in range(depth))

    def forward(self, maps: Tensor) -> Tensor:
        levels = [self.entry(maps)]
        for conv in self.down:
            levels.append(conv(levels[-1]))
        inner = levels.pop()
        for conv, level in zip(self.up, reversed(levels)):
            inner = level + F.pad(conv(inner), (0, level.size(-1)))[..., : level.size(-1)]
        return levels[0] + inner


class SpeakerUNet(AbsSpeakerEncoder):
    """Real and imaginary parts -> U-modules with pooling over time -> mean over time -> a linear layer.

    Rows of one length share a pass: the norms would read the padding.
    """

    Config = SpeakerUNetConfig

    def __init__(self, config: SpeakerUNetConfig, input_dim: int):
        super().__init__()
        self.output_dim, self.pool = config.output_dim, config.pool
        widths = [2, *[config.width] * len(config.depths)]
        self.stages = nn.ModuleList(
            UModule(inputs, config.width, depth) for inputs, depth in zip(widths, config.depths)
        )
        bins = input_dim // 2
        for _ in config.depths:
            bins = (bins - 1) // 2 + 1
        self.out = nn.Linear(config.width * bins, config.output_dim)

    @classmethod
    def from_config(cls, config: SpeakerUNetConfig, input_dim: int) -> "SpeakerUNet":
        return cls(config, input_dim)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, T, F * 2), real and imaginary part of a bin side by side -> (B, E)."""
        if lengths is None:
            return self.embed(values)
        return torch.stack(map_equal_length(self.embed, values, lengths))

    def embed(self, values: Tensor) -> Tensor:
        """(b, T, F * 2) of one length -> (b, E)."""
        maps = values.unflatten(2, (-1, 2)).permute(0, 3, 1, 2)
        for stage in self.stages:
            maps = stage(maps)
            maps = F.avg_pool2d(maps, (self.pool, 1), ceil_mode=True)
        return self.out(maps.mean(dim=2).flatten(1))
