"""The mask networks of Mask2Flow-TSE."""

import pytest
import torch

from espnet_tse.encoder.mask_network import ConvMask, ConvMaskConfig, LSTMMask, LSTMMaskConfig, level_free
from espnet_tse.schema import Frames

SMALL = {
    "lstm": (
        LSTMMask,
        LSTMMaskConfig(kernels=((3, 3), (1, 1)), channels=3, maps=2, lstm_width=5, dropout=0.0),
    ),
    "conv": (ConvMask, ConvMaskConfig(width=8, num_blocks=2, expansion=2)),
}


@pytest.fixture(params=sorted(SMALL))
def network(request):
    torch.manual_seed(0)
    cls, config = SMALL[request.param]
    return cls(config, num_mels=6, speaker_dim=4).eval()


def frames() -> Frames:
    return Frames(
        torch.rand(2, 9, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([9, 5]), 100.0
    )


def test_a_row_does_not_see_its_padding(network):
    given, speaker = frames(), torch.randn(2, 4)
    given.values[1, 5:] = 5.0
    logits = network(level_free(given), speaker)
    alone = Frames(given.values[1:, :5], torch.tensor([5]), 100.0)
    torch.testing.assert_close(logits[1, :5], network(level_free(alone), speaker[1:])[0])
    assert logits.shape == (2, 9, 6)


def test_the_mask_begins_open_and_follows_the_speaker(network):
    logits = network(level_free(frames()), torch.randn(2, 4))
    assert logits.sigmoid().mean() > 0.7
    other = network(level_free(frames()), torch.randn(2, 4))
    assert not torch.allclose(other, logits)


def test_the_level_of_the_frames_is_taken_out():
    loud = frames()
    loud.values *= 5.0
    torch.testing.assert_close(level_free(loud).values, level_free(frames()).values)
    silent = level_free(Frames(torch.zeros(1, 4, 6), torch.tensor([4]), 100.0))
    assert not silent.values.any()


@pytest.mark.parametrize(
    "cls, config, count",
    [(LSTMMask, LSTMMaskConfig(), 12_660_328), (ConvMask, ConvMaskConfig(), 12_502_416)],
)
def test_published_sizes(cls, config, count):
    with torch.device("meta"):
        network = cls(config, num_mels=80, speaker_dim=512)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("kernels", [[[3, 2]], [[3]], []])
def test_kernels_are_pairs_of_odd_sizes(kernels):
    with pytest.raises(ValueError, match="pairs of odd sizes"):
        LSTMMaskConfig(kernels=kernels)
