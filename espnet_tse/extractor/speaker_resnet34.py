"""A 2-D ResNet (arXiv:1512.03385) with statistics pooling, the speaker encoder of WeSpeaker and WeSep.

Group norm takes the place of their batch norm: running statistics depend on which rows share a batch, drift
apart between processes, and keep what an update that is skipped has brought into them.
"""

import math
from dataclasses import dataclass
from typing import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.layers.equal_length import map_equal_length

NORMS = ("group", "batch")
NORM_GROUPS = 8


@dataclass(frozen=True)
class SpeakerResNet34Config:
    """The defaults are WeSpeaker's ResNet34: 6.6 M parameters on 80 mel bands."""

    width: int = 32  # channels of the first stage; each further one has twice as many
    num_blocks: tuple[int, ...] = (3, 4, 6, 3)
    output_dim: int = 256
    # "batch" opens systems trained before group norm; its statistics stay as they are, in training too.
    norm: str = "group"

    def __post_init__(self):
        object.__setattr__(self, "num_blocks", tuple(self.num_blocks))
        if min(self.width, self.output_dim, *self.num_blocks) < 1:
            raise ValueError(f"sizes of a speaker ResNet must be positive: {self}.")
        if self.norm not in NORMS:
            raise ValueError(f"norm '{self.norm}' of a speaker ResNet is none of {list(NORMS)}.")


class FixedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics that it was given: older weights keep their function, nothing moves."""

    def train(self, mode: bool = True) -> "FixedBatchNorm2d":
        return super().train(False)


def new_norm(name: str, channels: int) -> nn.Module:
    """One of ``NORMS``; both have a weight and a bias a channel."""
    if name == "batch":
        return FixedBatchNorm2d(channels).train()
    return nn.GroupNorm(math.gcd(channels, NORM_GROUPS), channels)


def norm_of(weight_names: Collection[str]) -> str:
    """Which of ``NORMS`` a file of weights was trained with."""
    return "batch" if any(name.endswith("running_mean") for name in weight_names) else "group"


class PlaneBlock(nn.Module):
    """Two 3 x 3 convolutions with a norm each, added to their input."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.first_norm, self.second_norm = new_norm(norm, outputs), new_norm(norm, outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), new_norm(norm, outputs)
            )

    def forward(self, maps: Tensor) -> Tensor:
        hidden = F.relu(self.first_norm(self.first(maps)))
        return F.relu(self.second_norm(self.second(hidden)) + self.shortcut(maps))


class SpeakerResNet34(AbsSpeakerEncoder):
    """Four stages of residual blocks, then mean and standard deviation over time, then a linear layer.

    Rows of one length share a pass: a convolution over planes reads what lies behind a row.
    """

    Config = SpeakerResNet34Config

    def __init__(self, config: SpeakerResNet34Config, input_dim: int):
        super().__init__()
        self.output_dim = config.output_dim
        self.first = nn.Conv2d(1, config.width, 3, padding=1, bias=False)
        self.first_norm = new_norm(config.norm, config.width)
        blocks, inputs, bands = [], config.width, input_dim
        for stage, count in enumerate(config.num_blocks):
            outputs, stride = config.width * 2**stage, 1 if stage == 0 else 2
            bands = (bands + stride - 1) // stride
            for block in range(count):
                blocks.append(PlaneBlock(inputs, outputs, stride if block == 0 else 1, config.norm))
                inputs = outputs
        self.blocks, self.frame_dim = nn.Sequential(*blocks), inputs * bands
        self.out = nn.Linear(2 * self.frame_dim, config.output_dim)

    @classmethod
    def from_config(cls, config: SpeakerResNet34Config, input_dim: int) -> "SpeakerResNet34":
        return cls(config, input_dim)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return self.embed(values)
        return torch.stack(map_equal_length(self.embed, values, lengths))

    def embed(self, values: Tensor) -> Tensor:
        """(b, T, D) of one length -> (b, E)."""
        return self.pool(self.planes(values))

    def planes(self, values: Tensor) -> Tensor:
        """(b, T, D) of one length -> (b, T', C * D')."""
        maps = F.relu(self.first_norm(self.first(values.transpose(1, 2)[:, None])))
        return self.blocks(maps).flatten(1, 2).transpose(1, 2)

    def pool(self, frames: Tensor) -> Tensor:
        """``planes`` of one length -> (b, E)."""
        variance, mean = torch.var_mean(frames, dim=1, unbiased=False)
        return self.out(torch.cat([mean, (variance + 1e-7).sqrt()], dim=1))

    def with_frames(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        if lengths is None:
            frames = self.planes(values)
            return self.pool(frames), frames, None
        rows = map_equal_length(self.planes, values, lengths)
        counts = torch.tensor([len(row) for row in rows], device=values.device)
        embeddings = torch.cat([self.pool(row[None]) for row in rows])
        return embeddings, nn.utils.rnn.pad_sequence(rows, batch_first=True), counts
