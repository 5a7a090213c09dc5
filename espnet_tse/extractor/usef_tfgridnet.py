"""USEF-TFGridNet: no speaker embedding, every mixture frame looks at the enrollment's frames itself."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.layers.band_convolution import Bands, BandConvolution, TransposedBandConvolution, check_bands
from espnet_tse.layers.grid_attention import GridAttention
from espnet_tse.layers.grid_block import GridBlock, GridConfig
from espnet_tse.layers.checkpointing import recomputed
from espnet_tse.layers.sequence_norm import GlobalNorm, zero_padding
from espnet_tse.layers.stft import STFT, ReflectedSTFT
from espnet_tse.layers.stream_state import StreamState

EDGES = {"zeros": STFT, "reflected": ReflectedSTFT}


@dataclass(frozen=True)
class USEFTFGridNetConfig:
    """The defaults are USEF-TFGridNet-L at 16 kHz: 16,241,277 parameters (arXiv:2601.06006, Sec. IV-B.2)."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 320
    hop_length: int = 160
    width: int = 128  # C of the encoder; the blocks are twice as wide
    num_blocks: int = 6
    hidden: int = 256
    num_heads: int = 4
    approx_qk_dim: int = 512
    kernel: int = 1
    hop: int = 1
    checkpoint_blocks: bool = False
    recompute_gates: bool = False
    # Around a signal: zeros, or itself mirrored, as the released systems (arXiv:2409.02615) were trained; then the
    # samples behind the last whole hop are silent.
    edges: str = "zeros"
    # Groups of bands, from low to high, that are the cells of attention and blocks: [how many, bins of each]; empty: bins.
    bands: Bands = ()

    def __post_init__(self):
        self.grid  # its checks
        if self.bands:
            check_bands(self.bands, self.n_fft // 2 + 1)
        if self.edges not in EDGES:
            raise ValueError(f"edges '{self.edges}' is none of {list(EDGES)}.")

    @property
    def grid(self) -> GridConfig:
        shared = {name.name: getattr(self, name.name) for name in fields(GridConfig)}
        return GridConfig(**{**shared, "width": 2 * self.width})


class USEFTFGridNet(AbsExtractor):
    """STFT -> convolution -> cross attention on the enrollment -> TF-GridNet blocks -> STFT of the target.

    Source: arXiv:2409.02615 and the released configuration: complex mapping, not masking; one layer of cross
    attention without residual; its result and the mixture's maps are concatenated.
    """

    Config = USEFTFGridNetConfig

    def __init__(self, config: USEFTFGridNetConfig):
        super().__init__()
        self.sample_rate = config.sample_rate
        self.stft = EDGES[config.edges](config.n_fft, config.hop_length)
        bands, width = config.bands, config.width
        cells = sum(count for count, _ in bands) if bands else self.stft.num_bins
        self.encoder = BandConvolution(2, width, bands) if bands else nn.Conv2d(2, width, 3, padding=1)
        self.encoder_norm = GlobalNorm(width)
        self.cross_attention = GridAttention(width, cells, config.num_heads, config.approx_qk_dim)
        self.blocks = nn.ModuleList(GridBlock(config.grid, cells) for _ in range(config.num_blocks))
        self.decoder = (
            TransposedBandConvolution(2 * width, 2, bands)
            if bands
            else nn.ConvTranspose2d(2 * width, 2, 3, padding=1)
        )

    @classmethod
    def from_config(cls, config: USEFTFGridNetConfig) -> "USEFTFGridNet":
        return cls(config)

    def encode(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, N) -> (B, T, cells, C); the same weights for mixture and enrollment."""
        frames = None if lengths is None else self.stft.num_frames(lengths)
        spectrum = zero_padding(self.stft.analyze_rows(waveform, lengths), frames)
        # A transposed view of channels-last maps is what convolutions on CPUs like best: no copies.
        maps = self.encoder(spectrum.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.encoder_norm(maps, frames)

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        if lengths is None or int(lengths.min()) == waveform.size(1):
            return Cue(recomputed(True, self.encode, waveform, None))
        return Cue(recomputed(True, self.encode, waveform, lengths), self.stft.num_frames(lengths))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.stft.num_frames(lengths)
        # As in the blocks, what is cheap beside the LSTMs is not kept for the backward pass.
        maps = recomputed(True, self.encode, mixture, lengths)
        wanted = recomputed(True, self.cross_attention, maps, cue.values, cue.lengths)
        maps = torch.cat([maps, wanted], dim=-1)
        for block in self.blocks:
            maps = block(maps, frames)
        spectrum = self.decoder(zero_padding(maps, frames).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        spectrum = zero_padding(spectrum, frames)
        return Extraction(self.stft.synthesize_rows(spectrum, lengths, mixture.size(1)))
