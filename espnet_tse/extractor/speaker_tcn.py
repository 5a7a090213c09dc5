"""The auxiliary network of TD-SpeakerBeam: a short TCN, averaged over time (arXiv:2001.08378)."""

from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, mean_over_time
from espnet_tse.extractor.activation import activation, check_activation
from espnet_tse.extractor.tcn import TCNBlock
from espnet_tse.layers.sequence_norm import check_norm, sequence_norm


@dataclass(frozen=True)
class SpeakerTCNConfig:
    """Sizes; the defaults are those of TD-SpeakerBeam's release, but for output_dim, 256 there."""

    width: int = 128
    hidden: int = 512
    skip: int = 128  # 0: none, what the last block gives is averaged
    kernel: int = 3
    num_blocks: int = 8
    output_dim: int = 128
    norm: str = "sequence"  # or frame
    input_norm: str | None = None  # none: as norm
    norm_eps: float = 1.0e-5
    activation: str = "prelu"  # in front of the last layer

    def __post_init__(self):
        sizes = (self.width, self.hidden, self.kernel, self.num_blocks, self.output_dim)
        if min(sizes) < 1 or self.skip < 0:
            raise ValueError(f"sizes of a speaker TCN must be positive: {self}.")
        check_norm("norm", self.norm, causal=False)
        check_norm("input_norm", self.input_norm, causal=False)
        check_activation("activation", self.activation)
        if self.norm_eps <= 0:
            raise ValueError(f"norm_eps is {self.norm_eps}, want a small positive number.")


class SpeakerTCN(AbsSpeakerEncoder):
    """Norm, bottleneck, dilated blocks whose skips are summed, a linear layer, the mean over time."""

    Config = SpeakerTCNConfig

    def __init__(self, config: SpeakerTCNConfig, input_dim: int):
        super().__init__()
        self.output_dim = config.output_dim
        new_norm = partial(sequence_norm, causal=False, name=config.norm, eps=config.norm_eps)
        self.norm = sequence_norm(input_dim, False, config.input_norm or config.norm, config.norm_eps)
        self.bottleneck = nn.Linear(input_dim, config.width)
        self.blocks = nn.ModuleList(
            TCNBlock(
                config.width,
                config.hidden,
                config.kernel,
                2**block,
                causal=False,
                skip=config.skip,
                last=config.skip > 0 and block == config.num_blocks - 1,
                new_norm=new_norm,
            )
            for block in range(config.num_blocks)
        )
        self.takes_skips = config.skip > 0
        last = nn.Linear(config.skip or config.width, config.output_dim)
        self.out = nn.Sequential(activation(config.activation), last)

    @classmethod
    def from_config(cls, config: SpeakerTCNConfig, input_dim: int) -> "SpeakerTCN":
        return cls(config, input_dim)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        values, total = self.bottleneck(self.norm(values, lengths)), 0
        for block in self.blocks:
            values, skip = block(values, lengths)
            total = total + skip if self.takes_skips else values
        return mean_over_time(self.out(total), lengths)
