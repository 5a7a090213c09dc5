"""What is the spectral codec's own; the contract has tests of its own."""

import pytest
import torch

from espnet_tse.codec import spectral_codec
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig

SIZES = dict(n_fft=64, stft_hop=16, encoder_channels=4, decoder_channels=4, num_codebooks=1, codebook_size=4)


@pytest.mark.parametrize("contrast", [1.0, 1.5])
def test_contrast_raises_ratios_to_the_loudest_magnitude_of_each_row(monkeypatch, contrast):
    codec = SpectralCodec(SpectralCodecConfig(**SIZES, embedding_dim=4, contrast=contrast)).eval()
    drawn = torch.tensor([[[4.0, 1.0, 0.0]], [[0.5, 0.25, 0.0]]])
    floor = codec.config.magnitude_floor
    monkeypatch.setattr(codec, "spectra", lambda embeddings: torch.log(drawn + floor))
    monkeypatch.setattr(spectral_codec, "griffin_lim", lambda stft, magnitude, iterations: magnitude)
    expected = torch.tensor([[[4.0, 4.0 * 0.25**contrast, 0.0]], [[0.5, 0.5 * 0.5**contrast, 0.0]]])
    torch.testing.assert_close(codec.synthesize(torch.zeros(2, 1, 4)), expected, atol=1e-5, rtol=1e-5)
