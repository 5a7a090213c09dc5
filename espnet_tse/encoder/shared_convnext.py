"""One convolutional encoder that reads mixture and enrollment alike."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.encoder.abs_encoder import AbsSharedEncoder, check_residual
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.layers.convnext import ConvNeXtStack
from espnet_tse.schema import Frames


@dataclass(frozen=True)
class SharedConvNeXtConfig:
    """Sizes for a training of minutes on a CPU; no paper's."""

    channels: int = 192
    num_blocks: int = 3
    feature_scale: float = 1.0  # multiplies the features
    residual: bool = True  # add the features to the output; they must have its width (codec_latent has)

    def __post_init__(self):
        if min(self.channels, self.num_blocks) < 1:
            raise ValueError(f"sizes of the convolutional encoder must be positive: {self}.")


class SharedConvNeXtEncoder(AbsSharedEncoder):
    """Features -> condition frames, the same weights for both signals.

    Convolutions know from the start that neighbours matter, which attention has to learn: in the few
    hundred steps of a mini training that decides.
    """

    Config = SharedConvNeXtConfig

    def __init__(self, frontend: AbsFrontend, config: SharedConvNeXtConfig, output_dim: int):
        super().__init__()
        check_residual(config.residual, frontend.output_dim, output_dim)
        self.frontend, self.config = frontend, config
        self.stack = ConvNeXtStack(frontend.output_dim, config.channels, config.num_blocks, output_dim)

    @classmethod
    def from_config(
        cls, config: SharedConvNeXtConfig, frontend: AbsFrontend, output_dim: int
    ) -> "SharedConvNeXtEncoder":
        return cls(frontend, config, output_dim)

    def encode(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """One signal: (B, N) samples -> (B, T, output_dim) at the front-end's rate."""
        features = self.frontend(waveform, lengths)
        padding = features.padding_mask
        values = self.stack(features.values * self.config.feature_scale, padding)
        if self.config.residual:
            values = values + features.values
        return Frames(values.masked_fill(padding[..., None], 0.0), features.lengths, features.frame_rate)
