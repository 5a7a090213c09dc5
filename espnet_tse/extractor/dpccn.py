"""DPCCN: a dense U-net over time and frequency with TCN and pyramid pooling (arXiv:2112.13520), of WeSep."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import Cue, Extraction
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.extractor.embedding_extractor import EmbeddingExtractor
from espnet_tse.extractor.fusion import Fusion, check_fusion
from espnet_tse.layers.stream_state import StreamState

DENSE_STAGES = 4  # stages whose maps keep the width; the wider ones below have no dense blocks


@dataclass(frozen=True)
class DPCCNConfig:
    """The defaults are WeSep's for Libri2Mix at 16 kHz."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 512
    hop_length: int = 128
    width: int = 32  # of the dense stages, half of it in the first
    deep_widths: tuple[int, ...] = (64, 128, 384)
    num_blocks: int = 10  # of a TCN repeat, dilations 1, 2, 4 ...
    num_repeats: int = 2
    pools: tuple[int, ...] = (4, 8, 16, 32)
    num_mels: int = 80  # of the enrollment
    fusion: str = "multiply"

    def __post_init__(self):
        for name in ("deep_widths", "pools"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        sizes = (
            self.sample_rate,
            self.n_fft,
            self.hop_length,
            self.num_blocks,
            self.num_repeats,
            self.num_mels,
        )
        if min(*sizes, *self.deep_widths, *self.pools) < 1 or self.width < 4 or self.width % 4:
            raise ValueError(f"sizes of DPCCN must be positive, width a multiple of 4: {self}.")
        halvings = DENSE_STAGES + len(self.deep_widths)
        if self.n_fft % 2**halvings or self.n_fft < 2**halvings:
            raise ValueError(
                f"n_fft {self.n_fft} must be a multiple of {2**halvings}: {halvings} times halved."
            )
        check_fusion(self.fusion)


class PlaneConv(nn.Module):
    """3 x 3 convolution (or its transpose), ELU, instance norm; ``stride`` is of frequency."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, transposed: bool = False):
        super().__init__()
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.conv = kind(inputs, outputs, 3, stride=(1, stride), padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C', T, F')."""
        return F.instance_norm(F.elu(self.conv(maps)))


class DenseBlock(nn.Module):
    """Five convolutions; each reads the input and all results before it."""

    def __init__(self, inputs: int, inner: int, outputs: int):
        super().__init__()
        widths = [inner] * 4 + [outputs]
        self.convs = nn.ModuleList(
            PlaneConv(inputs + inner * index, width) for index, width in enumerate(widths)
        )

    def forward(self, maps: Tensor) -> Tensor:
        for conv in self.convs[:-1]:
            maps = torch.cat([maps, conv(maps)], dim=1)
        return self.convs[-1](maps)


class PlainTCNBlock(nn.Module):
    """x + pointwise(ELU(IN(depthwise(ELU(IN(x))))))."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, groups=width)
        self.pointwise = nn.Conv1d(width, width, 1)

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L)."""
        hidden = self.depthwise(F.elu(F.instance_norm(values)))
        return values + self.pointwise(F.elu(F.instance_norm(hidden)))


class Pyramid(nn.Module):
    """Means over squares of several sizes, brought back to the map's size and joined with it."""

    def __init__(self, width: int, pools: tuple[int, ...]):
        super().__init__()
        self.pools = pools
        self.narrow = nn.ModuleList(nn.Conv2d(width, width // 4, 1) for _ in pools)
        self.join = nn.Conv2d(width + width // 4 * len(pools), width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C, T, F)."""
        size, levels = maps.shape[-2:], [maps]
        for pool, narrow in zip(self.pools, self.narrow):
            # A mixture shorter than a square is one square.
            window = [min(pool, length) for length in size]
            level = narrow(F.avg_pool2d(maps, window))
            levels.append(F.interpolate(level, size=size, mode="bilinear", align_corners=False))
        return self.join(torch.cat(levels, dim=1))


class DPCCN(EmbeddingExtractor):
    """STFT as two channels, dense encoder, speaker fusion on frequencies, TCN, dense decoder, pyramid, STFT.

    Rows of one length share a pass: pooling and instance norm would read the padding.
    """

    Config = DPCCNConfig

    def __init__(self, config: DPCCNConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__(config, speaker_encoder)
        width, first, deep = config.width, config.width // 2, config.deep_widths
        self.first, self.first_dense = nn.Conv2d(2, first, 3, padding=1), DenseBlock(first, first, first)
        self.fusion = Fusion(config.fusion, self.stft.num_bins, speaker_encoder.output_dim)
        dense = [
            nn.Sequential(PlaneConv(width if stage else first, width, 2), DenseBlock(width, width, width))
            for stage in range(DENSE_STAGES)
        ]
        self.down = nn.ModuleList(
            [*dense, *(PlaneConv(inputs, outputs, 2) for inputs, outputs in zip((width, *deep), deep))]
        )
        dilations = [2**block for _ in range(config.num_repeats) for block in range(config.num_blocks)]
        self.tcn = nn.Sequential(*(PlainTCNBlock(deep[-1], dilation) for dilation in dilations))
        up = [
            PlaneConv(2 * inputs, outputs, 2, transposed=True)
            for inputs, outputs in zip(reversed(deep), (*reversed(deep[:-1]), width))
        ]
        up += [
            nn.Sequential(
                DenseBlock(2 * width, width, 2 * width),
                PlaneConv(2 * width, width if stage < DENSE_STAGES - 1 else first, 2, transposed=True),
            )
            for stage in range(DENSE_STAGES)
        ]
        self.up = nn.ModuleList([*up, DenseBlock(2 * first, first, width)])
        self.pyramid, self.last = Pyramid(width, config.pools), nn.ConvTranspose2d(width, 2, 3, padding=1)

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        if lengths is not None:
            return self.separate_by_length(mixture, lengths, cue)
        maps = self.first_dense(self.first(self.stft.analyze(mixture).permute(0, 3, 1, 2)))
        levels = [self.fusion(maps, cue.values)]
        for stage in self.down:
            levels.append(stage(levels[-1]))
        shape = levels[-1].shape[-2:]
        maps = self.tcn(levels[-1].flatten(2)).unflatten(2, shape)
        for stage, level in zip(self.up, reversed(levels)):
            maps = stage(torch.cat([level, maps], dim=1))
        spectrum = self.last(self.pyramid(maps)).permute(0, 2, 3, 1)
        return Extraction(self.stft.synthesize(spectrum, mixture.size(1)), embedding=cue.values)
