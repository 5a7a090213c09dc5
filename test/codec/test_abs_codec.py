"""The contract that every codec class keeps."""

import pytest
import torch

from espnet_tse.codec.funcodec import FunCodec, FunCodecConfig
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.schema import PADDING_CODE, Codes, Frames

SIZES = dict(num_codebooks=3, codebook_size=8, embedding_dim=6)


def funcodec():
    return FunCodec(FunCodecConfig(num_filters=2, lstm_layers=1, **SIZES))  # ratios 8, 5, 4, 2, 2: hop 640


def spectral(frames_per_code=1):
    conf = dict(n_fft=1280, stft_hop=640 // frames_per_code, frames_per_code=frames_per_code)
    blocks = dict(encoder_channels=8, encoder_blocks=1, decoder_channels=8, decoder_blocks=1)
    codec = SpectralCodec(SpectralCodecConfig(griffin_lim_iterations=2, **conf, **blocks, **SIZES))
    codec.fit_statistics(torch.randn(4, 6400))
    return codec


@pytest.fixture(params=[funcodec, spectral, lambda: spectral(2)], ids=["funcodec", "spectral", "spectral2"])
def codec(request):
    torch.manual_seed(0)
    return request.param().requires_grad_(False).eval()


@pytest.mark.parametrize("num_samples", [1, 639, 640, 641, 16000, 16001])
def test_frame_count_is_the_advertised_one(codec, num_samples):
    codes = codec.encode(torch.randn(1, num_samples), torch.tensor([num_samples]))
    num_frames = -(-num_samples // 640)
    assert codec.spec.num_frames(num_samples) == num_frames
    assert codes.values.shape == (1, 3, num_frames) and codes.lengths.tolist() == [num_frames]
    assert codes.values.min() >= 0 and codes.values.max() < 8
    assert codec.decode_codes(codes).shape == (1, num_frames * 640)


def test_rows_do_not_depend_on_their_batch(codec):
    lengths = torch.tensor([3000, 6400, 3000, 641])
    waveform = torch.randn(4, 6400) * torch.tensor([0.01, 1.0, 3.0, 0.2])[:, None]
    codes = codec.encode(waveform, lengths)
    decoded = codec.decode_codes(codes)
    assert decoded.shape == (4, 6400)
    for row, length in enumerate(lengths.tolist()):
        alone = codec.encode(waveform[row : row + 1, :length], lengths[row : row + 1])
        num_frames = alone.values.size(2)
        assert torch.equal(codes.values[row, :, :num_frames], alone.values[0])
        assert (codes.values[row, :, num_frames:] == PADDING_CODE).all()
        torch.testing.assert_close(
            decoded[row, : num_frames * 640], codec.decode_codes(alone)[0], atol=1e-5, rtol=1e-4
        )
        assert (decoded[row, num_frames * 640 :] == 0).all()


def test_codes_ignore_the_level(codec):
    waveform, lengths = torch.randn(1, 4000), torch.tensor([4000])
    codes, scale = codec.encode_with_scale(waveform, lengths)
    quiet, quiet_scale = codec.encode_with_scale(waveform * 2**-7, lengths)
    assert (codes.values == quiet.values).float().mean() > 0.95
    torch.testing.assert_close(quiet_scale, scale * 2**-7)


def test_embed_sums_codebook_vectors_and_clears_padding(codec):
    values = torch.tensor([[[1, 2], [3, 4], [0, 7]], [[5, PADDING_CODE]] * 3])
    codes = Codes(values, torch.tensor([2, 1]), codec.frame_rate)
    for n in (1, 2, 3):
        embedded = codec.embed(codes, n)
        expected = sum(codec.codebooks[k, values[0, k]] for k in range(n))
        torch.testing.assert_close(embedded.values[0], expected)
        assert (embedded.values[1, 1] == 0).all() and embedded.values[1, 0].abs().sum() > 0
    torch.testing.assert_close(codec.embed(codes).values, codec.embed(codes, 3).values)
    torch.testing.assert_close(codec.embed(codes.coarse(2)).values, codec.embed(codes, 2).values)
    torch.testing.assert_close(codec.decode_codes(codes, 2), codec.decode_embeddings(codec.embed(codes, 2)))


def test_frozen_codec_lets_gradients_reach_embeddings(codec):
    embeddings = torch.randn(2, 4, 6, requires_grad=True)
    before = codec.codebooks.clone()
    codec.decode_embeddings(
        Frames(embeddings, torch.tensor([4, 2]), codec.frame_rate)
    ).square().sum().backward()
    assert torch.isfinite(embeddings.grad).all() and embeddings.grad[0].abs().sum() > 0
    assert embeddings.grad[1, 2:].abs().sum() == 0
    assert not codec.codebooks.requires_grad and torch.equal(codec.codebooks, before)
    assert codec.codebooks.shape == (3, 8, 6)


def test_resynthesis_has_the_level_and_length_of_its_input(codec):
    waveform = torch.randn(2, 5000) * torch.tensor([[0.02], [0.4]])
    lengths = torch.tensor([5000, 3210])
    decoded = codec.resynthesize(waveform, lengths)
    assert decoded.shape == waveform.shape and (decoded[1, 3210:] == 0).all()
    for row, length in enumerate(lengths.tolist()):
        expected = waveform[row, :length].square().mean().sqrt()
        torch.testing.assert_close(
            decoded[row, :length].square().mean().sqrt(), expected, rtol=1e-3, atol=1e-6
        )


def test_latents_are_the_analysis_of_each_row_at_unit_level(codec):
    lengths = torch.tensor([3000, 6400, 300, 641])
    waveform = torch.randn(4, 6400) * torch.tensor([0.01, 1.0, 3.0, 0.2])[:, None]
    latents = codec.encode_latents(waveform, lengths)
    assert latents.frame_rate == codec.frame_rate and latents.values.shape == (4, 10, 6)
    for row, length in enumerate(lengths.tolist()):
        signal = waveform[row : row + 1, :length]
        signal = torch.nn.functional.pad(signal / signal.square().mean().sqrt(), (0, max(0, 640 - length)))
        expected = codec.analyze(signal)[0]
        assert int(latents.lengths[row]) == len(expected) == codec.spec.num_frames(length)
        torch.testing.assert_close(latents.values[row, : len(expected)], expected, atol=1e-4, rtol=1e-4)
        assert not latents.values[row, len(expected) :].any()


def test_codes_are_those_of_the_latents(codec):
    waveform, lengths = torch.randn(1, 5000), torch.tensor([5000])
    latents = codec.encode_latents(waveform, lengths)
    assert torch.equal(codec.quantizer.encode(latents.values), codec.encode(waveform, lengths).values)


def test_latents_carry_the_gradient_of_their_signal_only_and_want_samples(codec):
    assert not codec.encode_latents(torch.randn(1, 700), torch.tensor([700])).values.requires_grad
    for signal in (torch.randn(1, 700), torch.zeros(1, 700)):
        codec.encode_latents(signal.requires_grad_(), torch.tensor([700])).values.square().sum().backward()
        assert signal.grad.isfinite().all() and signal.grad.abs().max() < 1e4
    assert all(parameter.grad is None for parameter in codec.parameters())
    with pytest.raises(ValueError, match="an empty signal"):
        codec.encode_latents(torch.randn(2, 700), torch.tensor([700, 0]))


def draws_spectra(codec):
    return isinstance(codec, SpectralCodec)


def test_filtering_keeps_what_the_embeddings_hold(codec):
    lengths = torch.tensor([6400, 3001])
    waveform = torch.randn(2, 6400) * torch.tensor([[0.02], [0.4]])
    latents = codec.encode_latents(waveform, lengths)
    if not draws_spectra(codec):
        with pytest.raises(ValueError, match="FunCodec draws no spectrum.*synthesis: decode"):
            codec.filter_waveform(waveform, lengths, latents)
        return
    whole = codec.filter_waveform(waveform, lengths, latents)
    assert whole.shape == waveform.shape and not whole[1, 3001:].any()
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(whole[row, :length], waveform[row, :length], atol=1e-4, rtol=1e-3)
    other = Frames(latents.values - 2 * torch.rand_like(latents.values), latents.lengths, latents.frame_rate)
    less = codec.filter_waveform(waveform, lengths, other)
    for row, length in enumerate(lengths.tolist()):
        assert less[row].square().sum() < waveform[row, :length].square().sum()
        frames = -(-length // 640)
        own = Frames(other.values[row : row + 1, :frames], other.lengths[row : row + 1], other.frame_rate)
        alone = codec.filter_waveform(waveform[row : row + 1, :length], lengths[row : row + 1], own)
        torch.testing.assert_close(less[row, :length], alone[0], atol=1e-5, rtol=1e-4)


def test_filtered_silence_is_silence():
    codec = spectral().eval()
    silence, lengths = torch.zeros(1, 2000), torch.tensor([2000])
    embeddings = Frames(torch.randn(1, 4, 6), torch.tensor([4]), codec.frame_rate)
    assert not codec.filter_waveform(silence, lengths, embeddings).any()


def test_filtering_wants_a_frame_for_every_hop(codec):
    embeddings = Frames(torch.randn(1, 3, 6), torch.tensor([3]), codec.frame_rate)
    with pytest.raises(ValueError, match=r"have \[3\] frames, the mixtures want \[4\].*length_mode exact"):
        codec.filter_waveform(torch.randn(1, 2000), torch.tensor([2000]), embeddings)


def test_silence_is_coded_without_nan(codec):
    codes, scale = codec.encode_with_scale(torch.zeros(1, 2000), torch.tensor([2000]))
    assert scale.item() == 0 and torch.isfinite(codec.decode_codes(codes)).all()


def test_misuse_is_refused(codec):
    with pytest.raises(ValueError, match="an empty signal has no codes"):
        codec.encode(torch.randn(2, 700), torch.tensor([700, 0]))
    with pytest.raises(ValueError, match="do not fit 1 rows padded to 700"):
        codec.encode(torch.randn(1, 700), torch.tensor([701]))
    codes = codec.encode(torch.randn(1, 700), torch.tensor([700]))
    with pytest.raises(ValueError, match="ask for 1 .. 3"):
        codec.embed(codes, 4)
    with pytest.raises(ValueError, match="codes are at 50.0 Hz but the codec works at 25.0 Hz"):
        codec.embed(Codes(codes.values, codes.lengths, 50.0))
    with pytest.raises(ValueError, match="embeddings are 5 wide at 25.0 Hz but the codec decodes 6"):
        codec.decode_embeddings(Frames(torch.randn(1, 2, 5), torch.tensor([2]), 25.0))


def test_rows_of_one_length_share_a_call():
    calls = []

    def double(rows):
        calls.append(rows.shape)
        return rows * 2

    values = torch.arange(12.0).view(3, 4)
    results = map_equal_length(double, values, torch.tensor([4, 2, 4]))
    assert sorted(calls) == [(1, 2), (2, 4)]
    for row, length in enumerate((4, 2, 4)):
        assert torch.equal(results[row], values[row, :length] * 2)


@pytest.mark.parametrize(
    "config, change, message",
    [
        (FunCodecConfig, dict(norm="batch"), "known: time_group_norm, weight_norm"),
        (FunCodecConfig, dict(causal=True), "causal wants weight_norm"),
        (FunCodecConfig, dict(num_codebooks=0), "must be positive"),
        (SpectralCodecConfig, dict(n_fft=0), "n_fft must be positive"),
        (SpectralCodecConfig, dict(magnitude_floor=0.0), "magnitude_floor must be positive"),
    ],
)
def test_configs_check_their_values(config, change, message):
    with pytest.raises(ValueError, match=message):
        config(**change)
