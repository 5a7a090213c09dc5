"""What band-split RNNs share: recurrence over time and bands between a splitting and a mask (arXiv:2209.15174)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.band_split import BANDS, BandMask, BandSplit, band_widths
from espnet_tse.io.nearest_name import check_known
from espnet_tse.layers.blstm import BLSTM
from espnet_tse.layers.forward_lstm import ForwardLSTM
from espnet_tse.layers.sequence_norm import GlobalNorm, sequence_norm, zero_padding
from espnet_tse.layers.stft import STFT
from espnet_tse.layers.stream_state import StreamState


@dataclass(frozen=True)
class BandSplitConfig:
    """The defaults are WeSep's for Libri2Mix at 16 kHz (arXiv:2409.15799)."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 512
    hop_length: int = 128
    width: int = 128  # of a band's vector
    num_layers: int = 6
    bands: str = "wesep"  # or coarse: 22 bands at 16 kHz
    # Exponent of the magnitudes that the network sees; its mask is of the spectrum itself.
    compression: float = 1.0
    causal: bool = False

    def __post_init__(self):
        if min(self.sample_rate, self.n_fft, self.hop_length, self.width, self.num_layers) < 1:
            raise ValueError(f"sizes of BSRNN must be positive: {self}.")
        if not 0.0 < self.compression <= 1.0:
            raise ValueError(f"compression is {self.compression}, want an exponent above 0 and up to 1.")
        check_known([self.bands], BANDS, where="bands")


class BandLayer(nn.Module):
    """Recurrence over time within each band, then over the bands of each frame, each added to its input."""

    def __init__(self, width: int, causal: bool):
        super().__init__()
        self.causal, hidden = causal, 2 * width
        self.time_norm, self.band_norm = sequence_norm(width, causal), GlobalNorm(width)
        self.over_time = ForwardLSTM(width, hidden) if causal else BLSTM(width, hidden)
        self.time_out = nn.Linear(hidden if causal else 2 * hidden, width)
        self.over_bands, self.band_out = BLSTM(width, hidden), nn.Linear(2 * hidden, width)

    def forward(self, values: Tensor, lengths: Tensor | None, state: StreamState | None) -> Tensor:
        """(K, B, T, D) -> (K, B, T, D)."""
        bands, batch, frames, width = values.shape
        sequences = None if lengths is None else lengths.repeat(bands)
        normed = self.time_norm(values.flatten(0, 1), sequences).transpose(0, 1)
        past = {"state": state} if self.causal else {}
        hidden = self.time_out(self.over_time(normed, sequences, **past))
        values = values + hidden.transpose(0, 1).reshape(values.shape)
        by_frame = values.flatten(1, 2)  # (K, B * T, D)
        normed = self.band_norm(by_frame.transpose(0, 1)).transpose(0, 1)
        return (by_frame + self.band_out(self.over_bands(normed))).view(bands, batch, frames, width)


class BandSplitNetwork(AbsExtractor):
    """STFT, bands, dual recurrence, a complex mask a band; how the enrollment enters is up to the extractor.

    A causal variant normalises each frame alone, looks at the past only, and is ``n_fft`` samples late.
    """

    stft: STFT
    view_channels = 2  # numbers a bin that ``view`` shows the network

    def add_network(self, config: BandSplitConfig) -> None:
        """Make the layers; ``stft`` is there."""
        self.causal, self.compression = config.causal, config.compression
        widths = band_widths(config.sample_rate, self.stft.num_bins, BANDS[config.bands])
        self.split = BandSplit(widths, config.width, config.causal, self.view_channels)
        self.layers = nn.ModuleList(BandLayer(config.width, config.causal) for _ in range(config.num_layers))
        self.mask = BandMask(widths, config.width, config.causal)

    @property
    def hop_length(self) -> int:
        return self.stft.hop_length

    @property
    def delay(self) -> int:
        return self.stft.delay

    def view(self, spectrum: Tensor, cue: Cue) -> Tensor:
        """What the network is shown of a mixture: (B, T, F, 2) -> (B, T, F, ``view_channels``)."""
        return compressed(spectrum, self.compression)

    def told(self, values: Tensor, cue: Cue, layer: int) -> Tensor:
        """Band vectors in front of a layer, (K, B, T, D) -> (K, B, T, D), with what the cue tells."""
        return values

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.stft.num_frames(lengths)
        spectrum = self.stft.analyze(mixture, state)
        values = self.split(self.view(spectrum, cue), frames)  # (K, B, T, D)
        for index, layer in enumerate(self.layers):
            values = layer(self.told(values, cue, index), frames, state)
        masked = torch.view_as_complex(spectrum) * self.mask(values, frames)
        maps = zero_padding(torch.view_as_real(masked), frames)
        embedding = cue.values if self.embedding_dim is not None else None
        return Extraction(self.stft.synthesize(maps, mixture.size(1), state), embedding=embedding)


def compressed(spectrum: Tensor, exponent: float) -> Tensor:
    """(..., 2) with magnitudes raised to ``exponent`` and phases kept: faint bins count beside loud ones."""
    if exponent == 1.0:
        return spectrum
    power = spectrum.square().sum(dim=-1, keepdim=True)
    return spectrum * (power + 1e-8) ** ((exponent - 1) / 2)
