"""Where on the path from its background to its target a mixture lies: what is known in training, predicted later.

With the RMS a of the target s and b of the background n = m - s, (1 - t) n / b + t s / a is the straight path between
both at an RMS of 1, and at t = r = a / (a + b) it is m / (a + b): the mixture, up to a gain. The idea is that of AD-FlowTSE
(arXiv:2510.16995) and MeanFlow-TSE (arXiv:2512.18572), of which the abstracts were read; ratio and gains are derived here.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.layers.adaptive_norm import AdaptiveLayerNorm
from espnet_tse.layers.convnext import ConvNeXtBlock
from espnet_tse.layers.sequence_norm import zero_padding
from espnet_tse.layers.spectral_frames import compressed, rms
from espnet_tse.schema import Frames

INAUDIBLE = 1e-3  # of the mixture's RMS: the rounding of stored samples is no background and no target


@dataclass
class Mixing:
    """Of target and background in each row's mixture."""

    ratio: Tensor  # (B,) r in [0, 1]
    target_gain: Tensor  # (B,) 1 / a; 0 where there is no target
    background_gain: Tensor  # (B,) 1 / b; 0 where there is no background


def mixing_of(mixture: Tensor, target: Tensor, lengths: Tensor) -> Mixing:
    """From the truth.

    Args:
        mixture, target: (B, N) samples.
        lengths: (B,) int64.
    Returns:
        r = 1 where the mixture is the target alone, 0 where the target is absent, and where all is silent.
    """
    floor = INAUDIBLE * rms(mixture, lengths)
    levels = []
    for signal in (target, mixture - target):
        level = rms(signal, lengths)
        levels.append(torch.where(level > floor, level, 0.0))
    wanted, other = levels
    gains = [torch.where(level > 0, 1.0 / level.clamp_min(1e-20), 0.0) for level in levels]
    return Mixing(wanted / (wanted + other).clamp_min(1e-20), *gains)


def level_at(ratio: Tensor) -> Tensor:
    """RMS sqrt(r^2 + (1 - r)^2) of the path at t = r, where target and background are uncorrelated.

    A mixture whose parts are not known is brought to it. Of the end of the path, times r / level_at(r), it makes the target
    of a mixture with an RMS of 1.
    """
    return (ratio.square() + (1.0 - ratio).square()).sqrt()


class RatioPredictor(nn.Module):
    """r by a linear layer and a sigmoid from the mean over time of a few blocks that hear the speaker."""

    def __init__(self, num_bins: int, speaker_dim: int, width: int, num_blocks: int):
        super().__init__()
        self.input = nn.Linear(num_bins, width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(width, norm=AdaptiveLayerNorm(speaker_dim, width, one_plus_scale=True))
            for _ in range(num_blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, 1)

    def forward(self, mixture: Frames, speaker: Tensor) -> Tensor:
        """(B, T, 2F) at an RMS of 1 and (B, E) -> (B,) in (0, 1)."""
        maps = mixture.values.unflatten(2, (2, -1)).movedim(2, -1)
        magnitude = compressed(maps, 0.5).square().sum(dim=-1).clamp_min(1e-12).sqrt()
        hidden = self.input(magnitude)
        for block in self.blocks:
            hidden = block(hidden, mixture.padding_mask, speaker)
        hidden = zero_padding(self.norm(hidden), mixture.lengths)
        mean = hidden.sum(dim=1) / mixture.lengths[:, None]
        return self.output(mean)[:, 0].float().sigmoid()
