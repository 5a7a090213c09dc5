"""USEF-SepFormer: cross attention on the enrollment ahead of a dual-path transformer (arXiv:2409.02615)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.filterbank import Analysis, Synthesis
from espnet_tse.layers.positional import sinusoid
from espnet_tse.layers.sequence_norm import GlobalNorm
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.schema.padding import valid_mask


@dataclass(frozen=True)
class USEFSepFormerConfig:
    """SepFormer's sizes (arXiv:2010.13154, Sec. 3.2); the number of cross attention layers is ours."""

    sample_rate: int = 16000  # Hz
    filter_size: int = 16  # samples
    hop_length: int = 8  # samples
    width: int = 256  # filters, and width of the transformers
    num_heads: int = 8
    feedforward: int = 1024
    num_cross_layers: int = 1
    chunk: int = 250  # frames; neighbours share half
    num_layers: int = 8  # of each transformer, within and across chunks
    num_repeats: int = 2
    dropout: float = 0.0

    def __post_init__(self):
        sizes = (
            self.sample_rate,
            self.hop_length,
            self.width,
            self.num_heads,
            self.feedforward,
            self.num_layers,
        )
        if min(*sizes, self.num_cross_layers, self.num_repeats) < 1:
            raise ValueError(f"sizes of USEF-SepFormer must be positive: {self}.")
        if self.filter_size < self.hop_length:
            raise ValueError(f"filter_size {self.filter_size} is below hop_length {self.hop_length}.")
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} is not divisible by num_heads {self.num_heads}.")
        if self.width % 2:
            raise ValueError(f"width {self.width} is odd; the sinusoids of positions want an even one.")
        if self.chunk < 2 or self.chunk % 2:
            raise ValueError(f"chunk is {self.chunk}, want an even number of frames.")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}, want a share in [0, 1).")


class AttentionLayer(nn.Module):
    """x += Attention(LN(x), keys); x += FFN(LN(x)); without keys a sequence looks at itself."""

    def __init__(self, config: USEFSepFormerConfig):
        super().__init__()
        width, drop = config.width, config.dropout
        self.num_heads, self.drop = config.num_heads, nn.Dropout(drop)
        self.norm, self.feedforward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, config.feedforward),
            nn.ReLU(),
            nn.Dropout(drop),
            nn.Linear(config.feedforward, width),
            nn.Dropout(drop),
        )

    def forward(self, values: Tensor, keys: Tensor | None = None, lengths: Tensor | None = None) -> Tensor:
        """(B, L, D) and (B, L_k, D), valid keys (B,) or None where all are -> (B, L, D)."""
        normed = self.norm(values)
        values = values + self.attend(normed, normed if keys is None else keys, lengths)
        return values + self.feedforward(self.feedforward_norm(values))

    def attend(self, queries: Tensor, keys: Tensor, lengths: Tensor | None) -> Tensor:
        """Attention and its output layer: (B, L, D)."""
        mask = None if lengths is None else valid_mask(lengths, keys.size(1))[:, None, None]
        parts = [self.query(queries), *self.key_value(keys).chunk(2, dim=-1)]
        query, key, value = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.drop(self.out(attended.transpose(1, 2).flatten(2)))


class Path(nn.Module):
    """x + norm(transformer(x + positions)) over the second axis."""

    def __init__(self, config: USEFSepFormerConfig):
        super().__init__()
        self.layers = nn.ModuleList(AttentionLayer(config) for _ in range(config.num_layers))
        self.last_norm, self.norm = nn.LayerNorm(config.width), GlobalNorm(config.width)

    def forward(self, values: Tensor) -> Tensor:
        """(B, M, L, D), M sequences a row -> the same shape."""
        positions = torch.arange(values.size(2), device=values.device)
        hidden = values.flatten(0, 1) + sinusoid(positions, values.size(3)).to(values.dtype)
        for layer in self.layers:
            hidden = layer(hidden)
        return values + self.norm(self.last_norm(hidden).view(values.shape))


def encoded_cue(extractor: AbsExtractor, waveform: Tensor, lengths: Tensor | None) -> Cue:
    """An enrollment through ``analysis``, ``norm`` and ``bottleneck`` of an extractor, to frames (B, T, D).

    Args:
        waveform: (B, N).
        lengths: (B,) samples, None where all are N; so are those of the cue, in frames.
    """
    frames = None
    if lengths is not None and int(lengths.min()) < waveform.size(1):
        frames = extractor.analysis.framing.num_frames(lengths)
    return Cue(extractor.bottleneck(extractor.norm(extractor.analysis(waveform), frames)), frames)


class USEFSepFormer(AbsExtractor):
    """Learned filters, cross attention, transformers within and across chunks of frames, a mask."""

    Config = USEFSepFormerConfig

    def __init__(self, config: USEFSepFormerConfig):
        super().__init__()
        self.sample_rate, self.config = config.sample_rate, config
        width = config.width
        self.analysis = Analysis(width, config.filter_size, config.hop_length)
        self.norm, self.bottleneck = GlobalNorm(width), nn.Linear(width, width, bias=False)
        self.cross = nn.ModuleList(AttentionLayer(config) for _ in range(config.num_cross_layers))
        self.join = nn.Linear(2 * width, width)
        self.within = nn.ModuleList(Path(config) for _ in range(config.num_repeats))
        self.across = nn.ModuleList(Path(config) for _ in range(config.num_repeats))
        self.activation, self.mix_channels = nn.PReLU(), nn.Linear(width, width)
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.mask = nn.Linear(width, width, bias=False)
        self.synthesis = Synthesis(width, config.filter_size, config.hop_length)

    @classmethod
    def from_config(cls, config: USEFSepFormerConfig) -> "USEFSepFormer":
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
        wanted = values
        for layer in self.cross:
            wanted = layer(wanted, cue.values, cue.lengths)
        values = self.dual_path(self.join(torch.cat([values, wanted], dim=-1)))
        values = self.mix_channels(self.activation(values))
        mask = F.relu(self.mask(self.value(values).tanh() * self.gate(values).sigmoid()))
        return Extraction(self.synthesis(encoded * mask, mixture.size(1)))

    def dual_path(self, values: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D) through chunks of frames that overlap by half."""
        frames, half = values.size(1), self.config.chunk // 2
        padded = F.pad(values, (0, 0, half, half + -frames % half))
        chunks = padded.unfold(1, 2 * half, half).transpose(2, 3)  # (B, S, K, D)
        for within, across in zip(self.within, self.across):
            chunks = within(chunks)
            chunks = across(chunks.transpose(1, 2)).transpose(1, 2)
        first, second = chunks[:, :, :half], chunks[:, :, half:]
        # Every half stands in two chunks, at the end of one and at the beginning of the next.
        joined = (first[:, 1:] + second[:, :-1]).flatten(1, 2)
        return joined[:, :frames]
