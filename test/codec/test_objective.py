import pytest
import torch

from espnet_tse.codec.funcodec import FunCodec, FunCodecConfig
from espnet_tse.codec.linear_mel import LinearMel
from espnet_tse.codec.multi_scale_mel import MultiScaleMelLoss
from espnet_tse.codec.objective import (
    SpectralObjective,
    SpectralObjectiveConfig,
    WaveformObjective,
    WaveformObjectiveConfig,
)
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig

SIZES = dict(num_codebooks=3, codebook_size=8, embedding_dim=6)


def make(kind: str):
    torch.manual_seed(0)
    if kind == "spectral":
        channels = dict(encoder_channels=8, decoder_channels=8, encoder_blocks=1, decoder_blocks=1)
        codec = SpectralCodec(SpectralCodecConfig(n_fft=256, stft_hop=64, **channels, **SIZES))
        return codec, SpectralObjective(SpectralObjectiveConfig())
    codec = FunCodec(
        FunCodecConfig(ratios=(8, 4), num_filters=2, lstm_layers=1, kmeans_iterations=2, **SIZES)
    )
    return codec, WaveformObjective(WaveformObjectiveConfig(window_lengths=(64, 256), num_mels=8), 16000)


@pytest.mark.parametrize("kind", ["spectral", "waveform"])
def test_gradients_reach_both_sides_of_the_quantizer(kind):
    codec, objective = make(kind)
    waveform = torch.randn(4, 4096)
    objective.prepare(codec, waveform)
    result = objective(codec, waveform, torch.tensor([1, 2, 3, 3]))
    result.loss.backward()
    for part in (codec.encoder, codec.decoder):
        assert sum(p.grad.abs().sum() for p in part.parameters() if p.grad is not None) > 0
    assert codec.codebooks.grad is None and codec.quantizer.inited.all()
    assert objective.makes == ("spectrum" if kind == "spectral" else "waveform")
    assert result.estimate.shape == result.target.shape and result.estimate.requires_grad
    assert all(torch.isfinite(value) and not value.requires_grad for value in result.stats.values())


def test_principal_components_are_the_best_start():
    codec, objective = make("spectral")
    waveform = torch.cumsum(torch.randn(8, 4096), dim=1)
    waveform = waveform / waveform.square().mean(1, keepdim=True).sqrt()
    target = codec.log_magnitude(waveform)
    objective.prepare(codec, waveform)
    with torch.no_grad():
        restored = codec.spectra(codec.latents(target))
        mean_only = codec.log_mean.expand_as(target)
    assert (restored - target).square().mean() < 0.5 * (mean_only - target).square().mean()


@pytest.mark.parametrize(
    "part, number",
    [(MultiScaleMelLoss(16000, [64, 512], num_mels=16), 2), (LinearMel(16000, 512, 400, 160, 20, 0.0), 1)],
    ids=["loss", "analysis"],
)
def test_mel_bands_are_in_full_precision_in_training_with_mixed_precision(part, number):
    signals = torch.randn(number, 2, 4000)
    plain = part(*signals)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(part(*signals), plain)


def test_mel_loss_is_zero_for_equal_and_larger_for_farther_signals():
    loss = MultiScaleMelLoss(16000, [64, 512], num_mels=16)
    signal, noise = torch.randn(2, 4000), torch.randn(2, 4000)
    assert loss(signal, signal) == 0
    assert loss(signal + 0.5 * noise, signal) > loss(signal + 0.1 * noise, signal) > 0
    with pytest.raises(ValueError, match="none above n_fft"):
        MultiScaleMelLoss(16000, [2048])
