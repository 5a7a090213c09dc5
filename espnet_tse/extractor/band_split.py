"""Splitting a spectrum into bands of unequal width and joining masks of bands (arXiv:2209.15174)."""

import torch
from torch import Tensor, nn

from espnet_tse.layers.sequence_norm import sequence_norm

# Bands of WeSep's 16 kHz configuration: how many, and how wide, Hz; one more band holds the rest.
WESEP_BANDS = ((15, 100), (10, 200), (5, 500), (1, 2000))
# Fewer bands for small systems, whose time is that of their bands: harmonics of low voices are still
# distinguished.
COARSE_BANDS = ((10, 100), (6, 250), (4, 500), (1, 1500))
BANDS = {"wesep": WESEP_BANDS, "coarse": COARSE_BANDS}


def band_widths(sample_rate: int, num_bins: int, bands=WESEP_BANDS) -> list[int]:
    """Bins of each band, from low to high; 32 bands of 257 bins at 16 kHz.

    Bands above the Nyquist frequency are left out; the last one takes what remains.
    """
    widths: list[int] = []
    for count, width_hz in bands:
        bins = max(1, int(width_hz / (sample_rate / 2) * num_bins))
        for _ in range(count):
            if sum(widths) + bins >= num_bins:
                break
            widths.append(bins)
    return [*widths, num_bins - sum(widths)]


class BandLinear(nn.Module):
    """A linear layer a band, all in one product: (K, M, D) -> (K, M, E)."""

    def __init__(self, num_bands: int, inputs: int, outputs: int):
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(num_bands, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(num_bands, 1, outputs).uniform_(-bound, bound))

    def forward(self, values: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, values, self.weight)


class BandSplit(nn.Module):
    """Each band's bins, normalised, become one vector of common width."""

    def __init__(self, widths: list[int], width: int, causal: bool, channels: int = 2):
        super().__init__()
        self.widths = widths
        self.norms = nn.ModuleList(sequence_norm(channels * bins, causal) for bins in widths)
        self.linears = nn.ModuleList(nn.Linear(channels * bins, width) for bins in widths)

    def forward(self, spectrum: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, T, F, channels) -> (K, B, T, D)."""
        pieces = spectrum.split(self.widths, dim=2)
        parts = zip(pieces, self.norms, self.linears)
        return torch.stack([linear(norm(piece.flatten(2), lengths)) for piece, norm, linear in parts])


class BandMask(nn.Module):
    """A complex mask of each band: norm, two hidden layers with tanh, a gated output."""

    def __init__(self, widths: list[int], width: int, causal: bool, expansion: int = 4):
        super().__init__()
        hidden, bands = expansion * width, len(widths)
        self.norms = nn.ModuleList(sequence_norm(width, causal) for _ in widths)
        self.first, self.second = BandLinear(bands, width, hidden), BandLinear(bands, hidden, hidden)
        self.outs = nn.ModuleList(nn.Linear(hidden, 4 * bins) for bins in widths)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(K, B, T, D) -> (B, T, F) complex."""
        shape = values.shape[1:3]
        values = torch.stack([norm(band, lengths) for norm, band in zip(self.norms, values)]).flatten(1, 2)
        hidden = self.second(self.first(values).tanh()).tanh().unflatten(1, shape)
        masks = []
        for out, band in zip(self.outs, hidden):
            value, gate = out(band).chunk(2, dim=-1)
            masks.append((value * gate.sigmoid()).unflatten(-1, (2, -1)))
        return torch.complex(*torch.cat(masks, dim=-1).float().unbind(dim=2))
