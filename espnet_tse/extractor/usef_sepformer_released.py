"""USEF-SepFormer as its authors' code has it (arXiv:2409.02615), for the weights that they have published.

It differs from ``usef_sepformer``: norms stand behind the residual sums, FiLM joins what was found in the enrollment,
each path has a linear layer behind its transformer, half-chunks are added behind the first layers of the mask, only
frames that lie in the signal are heard, and signals keep their level.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.filterbank import Analysis, Synthesis
from espnet_tse.extractor.usef_sepformer import AttentionLayer, USEFSepFormerConfig, encoded_cue
from espnet_tse.layers.positional import sinusoid
from espnet_tse.layers.sequence_norm import GlobalNorm
from espnet_tse.layers.stream_state import StreamState

LAYER_EPS, MAP_EPS = 1e-6, 1e-8  # of norms in transformers, and over whole maps


@dataclass(frozen=True)
class ReleasedUSEFSepFormerConfig(USEFSepFormerConfig):
    """The defaults are the released configuration's, but for its 8 kHz."""

    num_cross_layers: int = 4


class PostNormLayer(AttentionLayer):
    """x = LN(x + Attention(x, keys)); x = LN(x + FFN(x))."""

    def __init__(self, config: USEFSepFormerConfig):
        super().__init__(config)
        self.norm.eps = self.feedforward_norm.eps = LAYER_EPS

    def forward(self, values: Tensor, keys: Tensor | None = None, lengths: Tensor | None = None) -> Tensor:
        values = self.norm(values + self.attend(values, values if keys is None else keys, lengths))
        return self.feedforward_norm(values + self.feedforward(values))


class Transformer(nn.Module):
    """Layers and a last norm."""

    def __init__(self, config: USEFSepFormerConfig, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList(PostNormLayer(config) for _ in range(num_layers))
        self.norm = nn.LayerNorm(config.width, eps=LAYER_EPS)

    def forward(self, values: Tensor, keys: Tensor | None = None, lengths: Tensor | None = None) -> Tensor:
        """As its layers."""
        for layer in self.layers:
            values = layer(values, keys, lengths)
        return self.norm(values)


class ReleasedPath(nn.Module):
    """x + norm(Linear(transformer(x + positions))) over the second axis."""

    def __init__(self, config: USEFSepFormerConfig):
        super().__init__()
        self.transformer = Transformer(config, config.num_layers)
        self.linear, self.norm = nn.Linear(config.width, config.width), GlobalNorm(config.width, eps=MAP_EPS)

    def forward(self, values: Tensor) -> Tensor:
        """(B, M, L, D), M sequences a row -> the same shape."""
        positions = torch.arange(values.size(2), device=values.device)
        hidden = values.flatten(0, 1) + sinusoid(positions, values.size(3)).to(values.dtype)
        return values + self.norm(self.linear(self.transformer(hidden)).view(values.shape))


class ReleasedUSEFSepFormer(AbsExtractor):
    """Learned filters, cross attention, FiLM, transformers within and across chunks of frames, a mask."""

    Config = ReleasedUSEFSepFormerConfig
    levelled = False

    def __init__(self, config: ReleasedUSEFSepFormerConfig):
        super().__init__()
        self.sample_rate, self.config = config.sample_rate, config
        width, sizes = config.width, (config.width, config.filter_size, config.hop_length)
        self.analysis, self.synthesis = Analysis(*sizes, whole=True), Synthesis(*sizes, whole=True)
        self.norm, self.bottleneck = GlobalNorm(width, eps=MAP_EPS), nn.Linear(width, width, bias=False)
        self.cross = Transformer(config, config.num_cross_layers)
        self.scale, self.shift = nn.Linear(width, width), nn.Linear(width, width)
        self.joined_norm = GlobalNorm(width, eps=MAP_EPS)
        self.within = nn.ModuleList(ReleasedPath(config) for _ in range(config.num_repeats))
        self.across = nn.ModuleList(ReleasedPath(config) for _ in range(config.num_repeats))
        self.activation, self.mix_channels = nn.PReLU(), nn.Linear(width, width)
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.mask = nn.Linear(width, width, bias=False)

    @classmethod
    def from_config(cls, config: ReleasedUSEFSepFormerConfig) -> "ReleasedUSEFSepFormer":
        return cls(config)

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        return encoded_cue(self, waveform, lengths)

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        if lengths is not None:
            return self.separate_by_length(mixture, lengths, cue)
        encoded = self.analysis(mixture)
        values = self.bottleneck(self.norm(encoded))
        wanted = self.cross(values, cue.values, cue.lengths)
        values = self.joined_norm(values * self.scale(wanted) + self.shift(wanted))
        values = self.dual_path(values)
        mask = F.relu(self.mask(self.value(values).tanh() * self.gate(values).sigmoid()))
        return Extraction(self.synthesis(encoded * mask, mixture.size(1)))

    def dual_path(self, values: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D) through chunks that overlap by half; frames and a half chunk fill whole chunks."""
        frames, chunk = values.size(1), self.config.chunk
        half = chunk // 2
        # A whole chunk more where nothing is lacking, as released.
        rest = chunk - (frames + half) % chunk
        chunks = (
            F.pad(values, (0, 0, half, rest + half)).unfold(1, chunk, half).transpose(2, 3)
        )  # (B, S, K, D)
        for within, across in zip(self.within, self.across):
            chunks = within(chunks)
            chunks = across(chunks.transpose(1, 2)).transpose(1, 2)
        chunks = self.mix_channels(self.activation(chunks))
        first, second = chunks[:, :, :half], chunks[:, :, half:]
        return (first[:, 1:] + second[:, :-1]).flatten(1, 2)[:, :frames]
