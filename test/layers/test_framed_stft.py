import pytest
import torch

from espnet_tse.layers.framed_stft import CentredSTFT, FramedSTFT, griffin_lim


@pytest.mark.parametrize("n_fft, hop", [(16, 4), (20, 10), (1024, 256)])
def test_synthesis_inverts_analysis(n_fft, hop):
    stft = FramedSTFT(n_fft, hop)
    waveform = torch.randn(2, 5 * hop)
    spectrum = stft.analyze(waveform)
    assert spectrum.shape == (2, 5, n_fft // 2 + 1)
    torch.testing.assert_close(stft.synthesize(spectrum), waveform, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("num_samples", [3, 64, 255, 256, 1000])
def test_centred_synthesis_inverts_analysis(num_samples):
    stft, waveform = CentredSTFT(126, 32), torch.randn(2, num_samples)
    spectrum = stft.analyze(waveform)
    assert spectrum.shape == (2, num_samples // 32 + 1, 64)
    torch.testing.assert_close(stft.synthesize(spectrum, num_samples), waveform, atol=1e-4, rtol=1e-4)


def test_bins_of_unit_noise_have_unit_power():
    torch.manual_seed(0)
    power = FramedSTFT(256, 64).analyze(torch.randn(1, 64 * 400)).abs().square()
    assert power.mean().item() == pytest.approx(1.0, abs=0.05)


def test_griffin_lim_approaches_the_magnitude_and_ignores_the_batch():
    stft = FramedSTFT(256, 64)
    time = torch.arange(64 * 40) / 8000
    waveform = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (400.0, 1000.0)])
    magnitude = stft.analyze(waveform).abs()

    def distance(iterations):
        found = stft.analyze(griffin_lim(stft, magnitude, iterations)).abs()
        return ((found - magnitude).norm() / magnitude.norm()).item()

    assert distance(32) < 0.5 * distance(1)
    both = griffin_lim(stft, magnitude, 8)
    torch.testing.assert_close(griffin_lim(stft, magnitude[1:], 8)[0], both[1], atol=1e-4, rtol=1e-3)
    assert torch.equal(griffin_lim(stft, magnitude, 8), both)


@pytest.mark.parametrize("n_fft, hop", [(15, 4), (16, 5), (16, 10)])
def test_windows_that_leave_gaps_are_refused(n_fft, hop):
    with pytest.raises(ValueError, match="do not cover every sample"):
        FramedSTFT(n_fft, hop)
