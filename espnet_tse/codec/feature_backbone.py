"""BiCodec's stacks of ConvNeXt blocks: features -> features at the same rate, with or without a condition."""

from torch import Tensor, nn

from espnet_tse.layers.adaptive_norm import AdaptiveLayerNorm
from espnet_tse.layers.convnext import ConvNeXtBlock

EPS = 1e-6  # of all layer norms
STAGE_BLOCKS = 2
# A stage resamples by 1 in the released models, and of resampling three paths remain, each the input.
STAGE_GAIN = 3.0


class FeatureBackbone(nn.Module):
    """Convolution, norm, ConvNeXt blocks, norm (Vocos, arXiv:2306.00814): (B, T, D_in) -> (B, T, channels).

    Args:
        condition_dim: width of the vector that all norms but the last follow; None: plain norms.
        one_plus_scale: see ``AdaptiveLayerNorm``.
    """

    def __init__(
        self,
        input_dim: int,
        channels: int,
        inner_channels: int,
        num_blocks: int,
        condition_dim: int | None = None,
        one_plus_scale: bool = True,
    ):
        super().__init__()

        def norm() -> nn.Module:
            if condition_dim is None:
                return nn.LayerNorm(channels, eps=EPS)
            return AdaptiveLayerNorm(condition_dim, channels, one_plus_scale, EPS)

        self.embed = nn.Conv1d(input_dim, channels, 7, padding=3)
        self.norm = norm()
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(channels, inner_channels=inner_channels, norm=norm(), scale=1.0 / num_blocks)
            for _ in range(num_blocks)
        )
        self.final_norm = nn.LayerNorm(channels, eps=EPS)
        self.apply(small_weights)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """``condition``: (B, condition_dim), of a conditioned backbone."""
        hidden = self.embed(features.transpose(1, 2)).transpose(1, 2)
        hidden = self.norm(hidden) if condition is None else self.norm(hidden, condition)
        for block in self.blocks:
            hidden = block(hidden, condition=condition)
        return self.final_norm(hidden)


def small_weights(module: nn.Module) -> None:
    """Start of a training, as Vocos has it."""
    if isinstance(module, (nn.Conv1d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


class Stages(nn.ModuleList):
    """What the released models resample with, at ratio 1: times 3, then two blocks, each time."""

    def __init__(self, num_stages: int, channels: int, inner_channels: int):
        super().__init__(
            FeatureBackbone(channels, channels, inner_channels, STAGE_BLOCKS) for _ in range(num_stages)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, T, channels) -> (B, T, channels)."""
        for backbone in self:
            hidden = backbone(STAGE_GAIN * hidden)
        return hidden


class FeatureEncoder(nn.Module):
    """Backbone, stages, linear: (B, T, input_dim) -> (B, T, output_dim)."""

    def __init__(
        self,
        input_dim: int,
        channels: int,
        inner_channels: int,
        num_blocks: int,
        num_stages: int,
        output_dim: int,
    ):
        super().__init__()
        self.backbone = FeatureBackbone(input_dim, channels, inner_channels, num_blocks)
        self.stages = Stages(num_stages, channels, inner_channels)
        self.output = nn.Linear(channels, output_dim)

    def forward(self, features: Tensor) -> Tensor:
        return self.output(self.stages(self.backbone(features)))


class FeatureDecoder(nn.Module):
    """Linear, stages, backbone, linear: (B, T, input_dim) -> (B, T, output_dim).

    With a condition it is BiCodec's prenet; without one, and with 6 blocks, the postnet of its training.
    """

    def __init__(
        self,
        input_dim: int,
        channels: int,
        inner_channels: int,
        num_blocks: int,
        num_stages: int,
        output_dim: int,
        condition_dim: int | None = None,
        one_plus_scale: bool = True,
    ):
        super().__init__()
        self.input = nn.Linear(input_dim, channels)
        self.stages = Stages(num_stages, channels, inner_channels)
        self.backbone = FeatureBackbone(
            channels, channels, inner_channels, num_blocks, condition_dim, one_plus_scale
        )
        self.output = nn.Linear(channels, output_dim)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """``condition``: (B, condition_dim), of a conditioned one."""
        return self.output(self.backbone(self.stages(self.input(features)), condition))
