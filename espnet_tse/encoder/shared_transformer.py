"""One transformer encoder that reads mixture and enrollment alike."""

from dataclasses import dataclass

import torch
from torch import nn

from espnet_tse.encoder.abs_encoder import AbsSharedEncoder, check_residual
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.layers.transformer import TransformerConfig, TransformerStack, bidirectional_mask
from espnet_tse.schema import Frames


@dataclass(frozen=True)
class SharedTransformerConfig(TransformerConfig):
    """arXiv:2601.06006, Sec. IV-B.1 speaks of a conformer; the released configuration switches its
    convolution off, and only without it are there 77 M parameters: this is a plain transformer."""

    feature_scale: float = 1.0  # multiplies the features; 1/40 brings [-80, 0] dB to about [-2, 0]
    residual: bool = False  # add the features to the output; they must have its width (codec_latent has)


class SharedTransformerEncoder(AbsSharedEncoder):
    """Features -> condition frames in the codec's embedding space, the same weights for both signals."""

    Config = SharedTransformerConfig

    def __init__(self, frontend: AbsFrontend, stack: TransformerStack, output_dim: int):
        super().__init__()
        config = stack.config
        check_residual(config.residual, frontend.output_dim, output_dim)
        self.frontend, self.stack = frontend, stack
        self.project = nn.Linear(config.width, output_dim)
        if config.residual:
            nn.init.zeros_(self.project.weight)

    @classmethod
    def from_config(
        cls, config: SharedTransformerConfig, frontend: AbsFrontend, output_dim: int
    ) -> "SharedTransformerEncoder":
        """``frontend`` maps (waveform, lengths) to Frames; ``output_dim`` is the codec's embedding width."""
        return cls(frontend, TransformerStack(frontend.output_dim, config), output_dim)

    def encode(self, waveform: torch.Tensor, lengths: torch.Tensor) -> Frames:
        """One signal: (B, N) samples -> (B, T, output_dim) at the front-end's rate."""
        features = self.frontend(waveform, lengths)
        padding = features.padding_mask
        positions = torch.arange(features.values.size(1), device=waveform.device).expand(len(lengths), -1)
        config = self.stack.config
        hidden = self.stack(features.values * config.feature_scale, bidirectional_mask(padding), positions)
        values = self.project(hidden) + (features.values if config.residual else 0.0)
        return Frames(values.masked_fill(padding[..., None], 0.0), features.lengths, features.frame_rate)
