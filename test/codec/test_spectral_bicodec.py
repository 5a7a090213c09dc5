"""Codes of the voice and codes of the frames."""

import pytest
import torch
from voice_codec_checks import assert_lengths, assert_rows_are_as_alone, noise

from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
from espnet_tse.schema import Streams


@pytest.fixture(scope="module")
def codec() -> SpectralBiCodec:
    torch.manual_seed(0)
    sizes = {"embedding_dim": 8, "encoder_channels": 8, "encoder_blocks": 1, "decoder_channels": 8}
    return SpectralBiCodec(
        SpectralBiCodecConfig(n_fft=640, codebook_size=32, decoder_blocks=1, voice_channels=8, **sizes)
    ).eval()


@pytest.mark.parametrize("num_samples", [1, 319, 320, 321, 16000, 17003])
def test_one_code_a_hop_and_a_fixed_number_of_the_voice(codec, num_samples):
    assert_lengths(codec, num_samples, 8)


def test_a_row_is_the_same_in_any_batch(codec):
    assert_rows_are_as_alone(codec, (9000, 4000), atol=1e-4, rtol=1e-3)


def test_the_level_does_not_matter(codec):
    signal, length = noise(8000), torch.tensor([8000])
    one, other = codec.tokenize(signal, length), codec.tokenize(0.01 * signal, length)
    assert all(torch.equal(one[name].values, other[name].values) for name in one)
    assert codec.tokenize(torch.zeros(1, 800), torch.tensor([800]))["semantic"].values.shape == (1, 1, 3)


def test_frame_codes_do_not_depend_on_the_voices_codes_and_decoding_does(codec):
    streams = codec.tokenize(noise(8000), torch.tensor([8000]))
    other = Streams({**streams, "global": codec.tokenize(noise(8000, 5), torch.tensor([8000]))["global"]})
    if torch.equal(streams["global"].values, other["global"].values):
        other["global"].values[0, 0, 0] = (other["global"].values[0, 0, 0] + 1) % 64
    assert not torch.equal(codec.detokenize(streams), codec.detokenize(other))


def test_gradients_reach_both_branches(codec):
    target = codec.log_magnitude(noise(3200))
    codec.train()
    estimate, commitment = codec.redrawn(target, None)
    ((estimate - target).abs().mean() + commitment).backward()
    codec.eval()
    codec.quantizer.forget()
    for name in (
        "voice.input.weight",
        "voice.to_scalars.weight",
        "frames.projection.weight",
        "frames.expansion.weight",
    ):
        assert dict(codec.named_parameters())[name].grad.abs().sum() > 0, name


def test_one_codebook_it_is():
    with pytest.raises(ValueError, match="a bicodec has 1"):
        SpectralBiCodecConfig(num_codebooks=2)
    with pytest.raises(ValueError, match="voice_s"):
        SpectralBiCodecConfig(voice_s=0.0)


def test_a_resynthesis_has_the_level_and_the_length_of_its_input(codec):
    signal = 0.03 * torch.cat([noise(9000, 1), noise(9000, 2)])
    signal[1, 5000:] = 0.0
    lengths = torch.tensor([9000, 5000])
    found = codec.resynthesize(signal, lengths)
    assert found.shape == signal.shape and not found[1, 5000:].any()
    for row, length in enumerate(lengths.tolist()):
        levels = [x[row, :length].square().mean().sqrt() for x in (found, signal)]
        torch.testing.assert_close(*levels, rtol=1e-4, atol=0)
