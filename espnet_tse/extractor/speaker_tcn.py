"""The auxiliary network of TD-SpeakerBeam: a short TCN, averaged over time (arXiv:2001.08378)."""

from dataclasses import dataclass

from torch import Tensor, nn

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, mean_over_time
from espnet_tse.extractor.tcn import TCNBlock
from espnet_tse.layers.sequence_norm import GlobalNorm


@dataclass(frozen=True)
class SpeakerTCNConfig:
    """Sizes; the defaults are those of TD-SpeakerBeam's released configuration."""

    width: int = 128
    hidden: int = 512
    skip: int = 128
    kernel: int = 3
    num_blocks: int = 8
    output_dim: int = 128

    def __post_init__(self):
        if min(self.width, self.hidden, self.skip, self.kernel, self.num_blocks, self.output_dim) < 1:
            raise ValueError(f"sizes of a speaker TCN must be positive: {self}.")


class SpeakerTCN(AbsSpeakerEncoder):
    """Norm, bottleneck, dilated blocks whose skips are summed, a linear layer, the mean over time."""

    Config = SpeakerTCNConfig

    def __init__(self, config: SpeakerTCNConfig, input_dim: int):
        super().__init__()
        self.output_dim = config.output_dim
        self.norm, self.bottleneck = GlobalNorm(input_dim), nn.Linear(input_dim, config.width)
        self.blocks = nn.ModuleList(
            TCNBlock(
                config.width,
                config.hidden,
                config.kernel,
                2**block,
                causal=False,
                skip=config.skip,
                last=block == config.num_blocks - 1,
            )
            for block in range(config.num_blocks)
        )
        self.out = nn.Sequential(nn.PReLU(), nn.Linear(config.skip, config.output_dim))

    @classmethod
    def from_config(cls, config: SpeakerTCNConfig, input_dim: int) -> "SpeakerTCN":
        return cls(config, input_dim)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        values, total = self.bottleneck(self.norm(values, lengths)), 0
        for block in self.blocks:
            values, skip = block(values, lengths)
            total = total + skip
        return mean_over_time(self.out(total), lengths)
