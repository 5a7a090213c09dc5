"""X-TF-GridNet: the speaker embedding, adapted to the mixture, enters every TF-GridNet block.

Source: Information Fusion 112 (2024) and the authors' configuration; what differs from their code stands in
doc/discriminative.md.
"""

from dataclasses import dataclass, fields
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder, encoder_of_frames
from espnet_tse.layers.grid_block import GridBlock, GridConfig
from espnet_tse.layers.sequence_norm import GlobalNorm, zero_padding
from espnet_tse.layers.stft import STFT
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.schema.padding import valid_mask


@dataclass(frozen=True)
class XTFGridNetConfig:
    """The defaults are the authors' 8 kHz configuration."""

    sample_rate: int = 8000  # Hz
    n_fft: int = 256
    hop_length: int = 64
    width: int = 64
    num_blocks: int = 3
    hidden: int = 256
    num_heads: int = 4
    approx_qk_dim: int = 512
    kernel: int = 4
    hop: int = 2
    checkpoint_blocks: bool = False
    recompute_gates: bool = False

    def __post_init__(self):
        self.grid  # its checks

    @property
    def grid(self) -> GridConfig:
        return GridConfig(**{name.name: getattr(self, name.name) for name in fields(GridConfig)})


class AdaptiveFusion(nn.Module):
    """The embedding asks the mixture's cells about itself, and the answer enters every cell.

    e' = e + g * Attention(e, cells), g zero at first; x' = Linear([x, e']).
    """

    def __init__(self, width: int, embedding_dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.project = nn.Linear(embedding_dim, width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.gain = nn.Parameter(torch.zeros(1))
        self.join = nn.Linear(2 * width, width)

    def forward(self, maps: Tensor, embedding: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, T, F, C) and (B, E) -> (B, T, F, C)."""
        embedding = self.project(embedding)[:, None]  # (B, 1, C)
        query = self.query(embedding).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        key, value = (
            self.key_value(maps).flatten(1, 2).unflatten(2, (self.num_heads, -1)).transpose(1, 2).chunk(2, -1)
        )
        mask = None
        if lengths is not None:
            valid = valid_mask(lengths, maps.size(1)).repeat_interleave(maps.size(2), dim=1)
            mask = valid[:, None, None]
        answer = F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)
        embedding = embedding + self.gain * self.out(answer)
        return self.join(torch.cat([maps, embedding[:, None].expand_as(maps)], dim=-1))


class XTFGridNet(AbsExtractor):
    """STFT -> convolution -> (fusion, TF-GridNet block) repeated -> STFT of the target (complex mapping)."""

    Config = XTFGridNetConfig
    slots = {"new_speaker_encoder": SPEAKER_ENCODER}

    def __init__(self, config: XTFGridNetConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__()
        self.sample_rate = config.sample_rate
        self.stft = STFT(config.n_fft, config.hop_length)
        self.encoder, self.encoder_norm = nn.Conv2d(2, config.width, 3, padding=1), GlobalNorm(config.width)
        self.speaker_encoder, speaker = speaker_encoder, speaker_encoder.output_dim
        blocks = range(config.num_blocks)
        self.fusions = nn.ModuleList(AdaptiveFusion(config.width, speaker, config.num_heads) for _ in blocks)
        self.blocks = nn.ModuleList(GridBlock(config.grid, self.stft.num_bins) for _ in blocks)
        self.decoder = nn.ConvTranspose2d(config.width, 2, 3, padding=1)

    @classmethod
    def from_config(
        cls, config: XTFGridNetConfig, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]
    ) -> "XTFGridNet":
        return cls(config, encoder_of_frames(new_speaker_encoder(input_dim=2 * (config.n_fft // 2 + 1))))

    @property
    def embedding_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        frames = None if lengths is None else self.stft.num_frames(lengths)
        return Cue(self.speaker_encoder(self.stft.analyze(waveform).flatten(2), frames))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.stft.num_frames(lengths)
        spectrum = zero_padding(self.stft.analyze(mixture), frames)
        maps = self.encoder_norm(self.encoder(spectrum.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), frames)
        for fusion, block in zip(self.fusions, self.blocks):
            maps = fusion(maps, cue.values, frames)
            maps = block(maps, frames)
        spectrum = self.decoder(zero_padding(maps, frames).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return Extraction(
            self.stft.synthesize(zero_padding(spectrum, frames), mixture.size(1)), embedding=cue.values
        )
