import pytest
import torch

from espnet_tse.extractor.band_split import COARSE_BANDS, BandMask, BandSplit, band_widths


@pytest.mark.parametrize("sample_rate, bins, bands", [(16000, 257, 32), (8000, 129, 27), (16000, 33, 29)])
def test_bands_cover_all_bins(sample_rate, bins, bands):
    widths = band_widths(sample_rate, bins)
    assert sum(widths) == bins and min(widths) >= 1 and len(widths) == bands


def test_bands_at_16_khz_are_weseps():
    assert band_widths(16000, 257) == [3] * 15 + [6] * 10 + [16] * 5 + [64, 8]


def test_coarse_bands_are_fewer_and_cover_all_bins():
    widths = band_widths(16000, 513, COARSE_BANDS)
    assert len(widths) == 22 and sum(widths) == 513 and widths[:11] == [6] * 10 + [16]


@torch.no_grad()
def test_a_band_sees_its_own_bins_only():
    torch.manual_seed(0)
    widths = [2, 3, 4]
    split, spectrum = BandSplit(widths, 5, causal=False), torch.randn(1, 6, 9, 2)
    changed = spectrum.clone()
    changed[:, :, 2:5] += torch.randn(1, 6, 3, 2)
    difference = (split(changed, None) - split(spectrum, None)).abs().amax(dim=(1, 2, 3))
    assert difference[1] > 0 and not difference[[0, 2]].any()


@torch.no_grad()
def test_masks_have_a_number_for_each_bin():
    mask = BandMask([2, 3], 4, causal=True)(torch.randn(2, 3, 6, 4), None)
    assert mask.shape == (3, 6, 5) and mask.is_complex()
