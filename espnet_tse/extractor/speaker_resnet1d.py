"""SpEx+'s speaker encoder: residual blocks over time with pooling (arXiv:2005.04686, Sec. 2.1)."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, mean_over_time
from espnet_tse.layers.sequence_norm import FrameNorm, GlobalNorm
from espnet_tse.schema.padding import padding_mask


@dataclass(frozen=True)
class SpeakerResNet1dConfig:
    """Sizes; the defaults are SpEx+'s."""

    width: int = 256  # of the first blocks
    hidden: int = 512  # of the last ones
    pool: int = 3  # frames that become one behind every block
    output_dim: int = 256

    def __post_init__(self):
        if min(self.width, self.hidden, self.pool, self.output_dim) < 1:
            raise ValueError(f"sizes of a speaker ResNet must be positive: {self}.")


class ResidualBlock(nn.Module):
    """Two pointwise layers around a PReLU, added to their input; then the loudest of each ``pool`` frames.

    The released model normalises over the batch, which lets a row depend on its batch mates; here a row is
    normalised over its own frames, with the same parameters.
    """

    def __init__(self, inputs: int, outputs: int, pool: int):
        super().__init__()
        self.pool = pool
        self.first, self.second = nn.Linear(inputs, outputs, bias=False), nn.Linear(
            outputs, outputs, bias=False
        )
        self.first_norm, self.second_norm = GlobalNorm(outputs), GlobalNorm(outputs)
        self.first_activation, self.second_activation = nn.PReLU(), nn.PReLU()
        self.shortcut = nn.Linear(inputs, outputs, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        hidden = self.first_activation(self.first_norm(self.first(values), lengths))
        hidden = self.second_norm(self.second(hidden), lengths) + self.shortcut(values)
        hidden = self.second_activation(hidden)
        if lengths is not None:
            hidden = hidden.masked_fill(padding_mask(lengths, hidden.size(1))[..., None], float("-inf"))
            lengths = (lengths + self.pool - 1) // self.pool
        pooled = F.max_pool1d(hidden.transpose(1, 2), self.pool, ceil_mode=True).transpose(1, 2)
        if lengths is not None:
            pooled = pooled.masked_fill(padding_mask(lengths, pooled.size(1))[..., None], 0.0)
        return pooled, lengths


class SpeakerResNet1d(AbsSpeakerEncoder):
    """Norm, bottleneck, three residual blocks, a linear layer, the mean over time."""

    Config = SpeakerResNet1dConfig

    def __init__(self, config: SpeakerResNet1dConfig, input_dim: int):
        super().__init__()
        self.output_dim = config.output_dim
        self.norm, self.bottleneck = FrameNorm(input_dim), nn.Linear(input_dim, config.width)
        sizes = (config.width, config.width, config.hidden, config.hidden)
        self.blocks = nn.ModuleList(
            ResidualBlock(inputs, outputs, config.pool) for inputs, outputs in zip(sizes, sizes[1:])
        )
        self.out = nn.Linear(config.hidden, config.output_dim)

    @classmethod
    def from_config(cls, config: SpeakerResNet1dConfig, input_dim: int) -> "SpeakerResNet1d":
        return cls(config, input_dim)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        values = self.bottleneck(self.norm(values))
        for block in self.blocks:
            values, lengths = block(values, lengths)
        return mean_over_time(self.out(values), lengths)
