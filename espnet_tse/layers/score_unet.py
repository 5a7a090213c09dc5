"""NCSN++: a U-Net of residual blocks with an input and an output pyramid (arXiv:2011.13456, App. H)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.checkpointing import recomputed
from espnet_tse.layers.fir_resampling import FIRResampling

HALF = 2**-0.5  # keeps the variance of a sum of two
FOURIER_SCALE = 16.0


@dataclass(frozen=True)
class ScoreUNetConfig:
    """65,623,352 parameters at the defaults with 6 channels in and 2 out, 128 of them frozen."""

    width: int = 128  # channels of the highest resolution
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 2, 2, 2)  # of the width, a resolution each
    num_blocks: int = 2  # residual blocks a resolution; one more on the way up
    # The resolution, counted from 0, or those that attend besides the middle; None for none.
    attention_level: int | tuple[int, ...] | None = 4
    checkpoint_blocks: bool = False  # keep only the blocks' inputs for the backward pass

    def __post_init__(self):
        object.__setattr__(self, "multipliers", tuple(self.multipliers))  # a YAML gives a list
        if not self.multipliers or min(self.width, self.num_blocks, *self.multipliers) < 1 or self.width % 8:
            raise ValueError(f"sizes of a U-Net must be positive, and its width a multiple of 8: {self}.")
        if not all(0 <= level < len(self.multipliers) for level in self.attention_levels):
            raise ValueError(
                f"attention_level is {self.attention_level}, want 0 .. {len(self.multipliers) - 1} or none."
            )

    @property
    def attention_levels(self) -> tuple[int, ...]:
        """Those that attend."""
        levels = self.attention_level
        if levels is None:
            return ()
        return (levels,) if isinstance(levels, int) else tuple(levels)

    @property
    def factor(self) -> int:
        """Heights and widths of maps are multiples of it."""
        return 2 ** (len(self.multipliers) - 1)


class LogTimeEmbedding(nn.Module):
    """MLP of random waves of log t, which are drawn once: (B,) -> (B, 4 * width)."""

    def __init__(self, width: int):
        super().__init__()
        self.waves = nn.Parameter(FOURIER_SCALE * torch.randn(width), requires_grad=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width)
        )

    def forward(self, time: Tensor) -> Tensor:
        angles = 2 * math.pi * time.log()[:, None] * self.waves
        return self.layers(torch.cat([angles.sin(), angles.cos()], dim=-1))


def group_norm(channels: int) -> nn.GroupNorm:
    """As many groups as divide the channels, of at least 4 channels each, 32 at most."""
    groups = max(number for number in range(1, min(channels // 4, 32) + 1) if channels % number == 0)
    return nn.GroupNorm(groups, channels, eps=1e-6)


def convolution(channels: int, filters: int) -> nn.Conv2d:
    return nn.Conv2d(channels, filters, 3, padding=1)


class ScoreBlock(nn.Module):
    """(resampled x + f(x)) / sqrt 2 with f of two convolutions, the time between them."""

    def __init__(self, channels: int, filters: int, time_dim: int, resampling: str | None = None):
        """
        Args:
            resampling: halved or doubled, a method of ``FIRResampling``.
        """
        super().__init__()
        self.norm, self.convolution = group_norm(channels), convolution(channels, filters)
        self.time = nn.Linear(time_dim, filters)
        self.second_norm, self.second_convolution = group_norm(filters), convolution(filters, filters)
        self.resampling = resampling
        self.filter = FIRResampling() if resampling else None
        self.beside = nn.Conv2d(channels, filters, 1) if resampling or channels != filters else None

    def forward(self, maps: Tensor, time: Tensor) -> Tensor:
        """(B, C, H, W) and SiLU of the embedded time (B, time_dim)."""
        hidden = F.silu(self.norm(maps))
        if self.resampling:
            resample = getattr(self.filter, self.resampling)
            hidden, maps = resample(hidden), resample(maps)
        hidden = self.convolution(hidden) + self.time(time)[:, :, None, None]
        hidden = self.second_convolution(F.silu(self.second_norm(hidden)))
        return HALF * (hidden + (maps if self.beside is None else self.beside(maps)))


class MapAttention(nn.Module):
    """(x + attention of one head over all places) / sqrt 2."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = group_norm(channels)
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, maps: Tensor) -> Tensor:
        places = self.norm(maps).flatten(2).transpose(1, 2)
        attended = F.scaled_dot_product_attention(self.query(places), self.key(places), self.value(places))
        return HALF * (maps + self.out(attended).transpose(1, 2).view_as(maps))


class ScoreUNet(nn.Module):
    """Maps -> as many maps through all resolutions, divided by the time, and a mix of them."""

    def __init__(
        self,
        config: ScoreUNetConfig,
        num_inputs: int,
        num_outputs: int,
        cue_dim: int | None = None,
        of_score: bool = True,
    ):
        """
        Args:
            cue_dim: of a vector that is added to the embedding of the time; None without one.
            of_score: false where what is predicted does not grow towards the time 0: nothing is divided by the time.
        """
        super().__init__()
        self.of_score = of_score
        self.config, width, time_dim = config, config.width, 4 * config.width
        channels = [multiplier * width for multiplier in config.multipliers]
        self.time, self.filter = LogTimeEmbedding(width), FIRResampling()
        self.cue = None if cue_dim is None else nn.Linear(cue_dim, time_dim)
        self.input = convolution(num_inputs, width)
        self.down, self.halvings, self.combiners, self.down_attention = (nn.ModuleList() for _ in range(4))
        kept, before = [width], width
        for level, filters in enumerate(channels):
            blocks = nn.ModuleList()
            for _ in range(config.num_blocks):
                blocks.append(ScoreBlock(before, filters, time_dim))
                before = filters
                kept.append(before)
            self.down.append(blocks)
            attends = level in config.attention_levels
            self.down_attention.append(
                nn.ModuleList(MapAttention(filters) for _ in range(config.num_blocks if attends else 0))
            )
            if level + 1 < len(channels):
                self.halvings.append(ScoreBlock(before, before, time_dim, "halved"))
                self.combiners.append(nn.Conv2d(num_inputs, before, 1))
                kept.append(before)
        self.middle = nn.ModuleList(ScoreBlock(before, before, time_dim) for _ in range(2))
        self.middle_attention = MapAttention(before)
        self.up, self.up_attention, self.draws, self.doublings = (nn.ModuleList() for _ in range(4))
        for level, filters in reversed(list(enumerate(channels))):
            blocks = nn.ModuleList()
            for _ in range(config.num_blocks + 1):
                blocks.append(ScoreBlock(before + kept.pop(), filters, time_dim))
                before = filters
            self.up.append(blocks)
            self.up_attention.append(
                MapAttention(filters) if level in config.attention_levels else nn.Identity()
            )
            self.draws.append(nn.Sequential(group_norm(filters), nn.SiLU(), convolution(filters, num_inputs)))
            if level > 0:
                self.doublings.append(ScoreBlock(before, before, time_dim, "doubled"))
        self.output = nn.Conv2d(num_inputs, num_outputs, 1)

    def forward(self, maps: Tensor, time: Tensor, cue: Tensor | None = None) -> Tensor:
        """Maps of any size that is a multiple of ``config.factor``.

        Args:
            maps: (B, num_inputs, H, W).
            time: (B,) above 0.
            cue: (B, cue_dim), where there is one.
        Returns:
            (B, num_outputs, H, W).
        """
        embedded = self.time(time)
        embedded = F.silu(embedded if self.cue is None else embedded + self.cue(cue))

        def through(block: ScoreBlock, hidden: Tensor) -> Tensor:
            return recomputed(self.config.checkpoint_blocks, block, hidden, embedded)

        pyramid, hidden = maps, self.input(maps)
        kept = [hidden]
        for level, (blocks, attentions) in enumerate(zip(self.down, self.down_attention)):
            for number, block in enumerate(blocks):
                hidden = through(block, hidden)
                hidden = attentions[number](hidden) if len(attentions) else hidden
                kept.append(hidden)
            if level < len(self.halvings):
                hidden, pyramid = through(self.halvings[level], hidden), self.filter.halved(pyramid)
                hidden = hidden + self.combiners[level](pyramid)
                kept.append(hidden)
        hidden = self.middle_attention(through(self.middle[0], hidden))
        hidden = through(self.middle[1], hidden)
        drawn = None
        for number, (blocks, attention, draw) in enumerate(zip(self.up, self.up_attention, self.draws)):
            for block in blocks:
                hidden = through(block, torch.cat([hidden, kept.pop()], dim=1))
            hidden = attention(hidden)
            drawn = draw(hidden) if drawn is None else self.filter.doubled(drawn) + draw(hidden)
            if number < len(self.doublings):
                hidden = through(self.doublings[number], hidden)
        return self.output(drawn / time[:, None, None, None] if self.of_score else drawn)
