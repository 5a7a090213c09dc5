"""Convolutions between frequency bins and bands of bins, for networks whose time is that of their cells."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Bands = tuple[tuple[int, int], ...]  # groups from low to high: how many bands, of how many bins each


class BandConvolution(nn.Module):
    """Bins to bands: 3 frames, and one bin more at both ends of a band; each width of bands has its weights.

    With bands of one bin it is a ``Conv2d`` of kernel 3 and padding 1.
    """

    def __init__(self, channels: int, width: int, bands: Bands):
        super().__init__()
        self.extents = [count * bins for count, bins in bands]
        self.groups = nn.ModuleList(
            nn.Conv2d(channels, width, (3, bins + 2), stride=(1, bins), padding=(1, 0)) for _, bins in bands
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, channels, T, bins) -> (B, width, T, bands)."""
        maps, start, parts = F.pad(maps, (1, 1)), 0, []
        for convolution, extent in zip(self.groups, self.extents):
            parts.append(convolution(maps[..., start : start + extent + 2]))
            start += extent
        return torch.cat(parts, dim=-1)


class TransposedBandConvolution(nn.Module):
    """Bands to bins; neighbouring bands add up in the bins that both reach.

    With bands of one bin it is a ``ConvTranspose2d`` of kernel 3 and padding 1.
    """

    def __init__(self, width: int, channels: int, bands: Bands):
        super().__init__()
        self.counts = [count for count, _ in bands]
        self.extents = [count * bins for count, bins in bands]
        self.groups = nn.ModuleList(
            nn.ConvTranspose2d(width, channels, (3, bins + 2), stride=(1, bins), padding=(1, 0), bias=False)
            for _, bins in bands
        )
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, width, T, bands) -> (B, channels, T, bins)."""
        total, start, summed = sum(self.extents), 0, self.bias[:, None, None]
        for convolution, part, extent in zip(self.groups, maps.split(self.counts, dim=-1), self.extents):
            summed = summed + F.pad(convolution(part), (start, total - start - extent))
            start += extent
        return summed[..., 1:-1]


def check_bands(bands: Bands, num_bins: int) -> None:
    """Raise ValueError unless ``bands`` cover ``num_bins`` bins exactly."""
    if any(len(group) != 2 or min(group) < 1 for group in bands):
        raise ValueError(f"bands {bands}: want pairs of positive numbers, how many bands of how many bins.")
    covered = sum(count * bins for count, bins in bands)
    if covered != num_bins:
        raise ValueError(f"bands {bands} cover {covered} bins, but n_fft // 2 + 1 is {num_bins}.")
