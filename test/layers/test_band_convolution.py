import pytest
import torch
from torch import nn
from torch.nn import functional as F

from espnet_tse.layers.band_convolution import BandConvolution, TransposedBandConvolution, check_bands

BANDS = ((3, 1), (2, 2), (2, 4))  # 15 bins
FIRST, LAST = [0, 1, 2, 3, 5, 7, 11], [0, 1, 2, 4, 6, 10, 14]  # bins of each band


@torch.no_grad()
def test_bands_of_one_bin_are_the_convolutions_of_the_published_network():
    torch.manual_seed(0)
    encoder, decoder = BandConvolution(2, 4, ((15, 1),)), TransposedBandConvolution(4, 2, ((15, 1),))
    decoder.bias.normal_()
    maps = torch.randn(2, 2, 6, 15)
    plain, wanted = encoder.groups[0], nn.Conv2d(2, 4, 3, padding=1)
    wanted.load_state_dict(plain.state_dict())
    torch.testing.assert_close(encoder(maps), wanted(maps))
    wanted = F.conv_transpose2d(wanted(maps), decoder.groups[0].weight, decoder.bias, padding=1)
    torch.testing.assert_close(decoder(encoder(maps)), wanted)


@pytest.mark.parametrize("groups", [((2, 3), (3, 3)), ((1, 3), (1, 3), (3, 3))])
@torch.no_grad()
def test_groups_of_one_width_and_the_same_weights_are_one_group(groups):
    torch.manual_seed(0)
    for layer, values in (
        (BandConvolution, torch.randn(1, 2, 4, 15)),
        (TransposedBandConvolution, torch.randn(1, 2, 4, 5)),
    ):
        whole, parts = layer(2, 2, ((5, 3),)), layer(2, 2, groups)
        for group in parts.groups:
            group.load_state_dict(whole.groups[0].state_dict())
        torch.testing.assert_close(parts(values), whole(values))


@torch.no_grad()
def test_a_band_sees_its_bins_and_one_more_at_both_ends():
    torch.manual_seed(0)
    encoder, decoder = BandConvolution(2, 4, BANDS), TransposedBandConvolution(4, 2, BANDS)
    maps, cells = torch.randn(1, 2, 5, 15), torch.randn(1, 4, 5, 7)
    plain, spectrum = encoder(maps), decoder(cells)
    assert plain.shape == cells.shape and spectrum.shape == maps.shape
    for band, (first, last) in enumerate(zip(FIRST, LAST)):
        seen = []
        for changed in range(15):
            other = maps.clone()
            other[..., changed] += 1.0
            if not torch.equal(encoder(other)[..., band], plain[..., band]):
                seen.append(changed)
        reach = list(range(max(first - 1, 0), min(last + 2, 15)))
        assert seen == reach
        other = cells.clone()
        other[..., band] += 1.0
        difference = (decoder(other) - spectrum).abs().amax(dim=(0, 1, 2))
        assert difference.nonzero().flatten().tolist() == reach


@pytest.mark.parametrize(
    "bands, fault",
    [
        (((3, 1), (2, 2)), "cover 7 bins, but n_fft // 2 [+] 1 is 15"),
        (((3, 1), (12,)), "pairs of positive numbers"),
        (((15, 1), (0, 2)), "pairs of positive numbers"),
    ],
)
def test_bands_that_do_not_fit_are_refused(bands, fault):
    with pytest.raises(ValueError, match=fault):
        check_bands(bands, 15)
