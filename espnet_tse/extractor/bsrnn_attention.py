"""Band-split RNN whose frames look at the enrollment's frames by cross attention, as USEF-TFGridNet's do."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import Cue
from espnet_tse.extractor.band_split_network import BandSplitConfig, BandSplitNetwork, compressed
from espnet_tse.layers.grid_attention import GridAttention
from espnet_tse.layers.stft import STFT


@dataclass(frozen=True)
class BSRNNAttentionConfig(BandSplitConfig):
    """The defaults are those of ``bsrnn``, the attention's those of USEF-TFGridNet."""

    num_heads: int = 4
    approx_qk_dim: int = 512

    def __post_init__(self):
        super().__post_init__()
        if min(self.num_heads, self.approx_qk_dim) < 1 or self.width % self.num_heads:
            raise ValueError(f"num_heads must divide width, and approx_qk_dim be positive: {self}.")


class BSRNNAttention(BandSplitNetwork):
    """Mixture and enrollment are split into bands by the same weights; what a frame finds there is joined to it.

    Source: the universal front-end of USEF-TSE (arXiv:2409.02615) on band vectors instead of bins; the linear layer that
    joins both is ours.
    """

    Config = BSRNNAttentionConfig

    def __init__(self, config: BSRNNAttentionConfig):
        super().__init__()
        self.sample_rate = config.sample_rate
        self.stft = STFT(config.n_fft, config.hop_length)
        self.add_network(config)
        self.cross_attention = GridAttention(
            config.width, len(self.split.widths), config.num_heads, config.approx_qk_dim
        )
        self.join = nn.Linear(2 * config.width, config.width)

    @classmethod
    def from_config(cls, config: BSRNNAttentionConfig) -> "BSRNNAttention":
        return cls(config)

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        """(B, N) -> band vectors (B, T, K, D)."""
        frames = None if lengths is None else self.stft.num_frames(lengths)
        spectrum = compressed(self.stft.analyze(waveform), self.compression)
        return Cue(self.split(spectrum, frames).permute(1, 2, 0, 3), frames)

    def told(self, values: Tensor, cue: Cue, layer: int) -> Tensor:
        if layer > 0:
            return values
        values = values.permute(1, 2, 0, 3)
        found = self.cross_attention(values, cue.values, cue.lengths)
        return self.join(torch.cat([values, found], dim=-1)).permute(2, 0, 1, 3)
