"""Complex spectra as frames, and the way back."""

import pytest
import torch

from espnet_tse.layers.spectral_frames import SpectralFrames, SpectralFramesConfig, unit_gain

LENGTHS = torch.tensor([1000, 701])


def new_frames(**conf) -> SpectralFrames:
    return SpectralFrames(SpectralFramesConfig(**{"n_fft": 64, "hop_length": 32, **conf}))


def waveform() -> torch.Tensor:
    signal = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0)) * 0.1
    signal[1, 701:] = 0.0
    return signal


@pytest.mark.parametrize("exponent, atol", [(1.0, 1e-6), (0.5, 2e-4)])
def test_the_way_back_gives_the_signal_of_any_length(exponent, atol):
    frames, signal = new_frames(exponent=exponent), waveform()
    analysed = frames(signal, LENGTHS)
    back = frames.waveform(analysed.values, 1000) / unit_gain(signal, LENGTHS)[:, None]
    torch.testing.assert_close(back, signal, rtol=1e-3, atol=atol)
    for number in (1, 31, 64, 65):
        short = signal[:1, :number]
        values = frames(short, torch.tensor([number]), torch.ones(1)).values
        torch.testing.assert_close(frames.waveform(values, number), short, rtol=1e-3, atol=atol)


@pytest.mark.parametrize("exponent", [1.0, 0.5])
def test_a_row_is_as_it_is_alone_and_padding_is_zero(exponent):
    frames, signal = new_frames(exponent=exponent), waveform()
    signal[1, 701:] = 5.0  # what a careless producer leaves there
    both = frames(signal, LENGTHS)
    alone = frames(signal[1:, :701], LENGTHS[1:])
    length = int(both.lengths[1])
    assert alone.values.size(1) == length == alone.lengths[0] and not both.values[1, length:].any()
    torch.testing.assert_close(both.values[1, :length], alone.values[0])


def test_white_noise_has_bins_of_power_one_at_any_level():
    frames, noise = new_frames(), torch.randn(1, 60000)
    for level in (1e-4, 30.0):
        values = frames(level * noise, torch.tensor([60000])).values
        power = values.unflatten(2, (2, -1)).square().sum(dim=2)[:, 2:-2, 1:-1].mean()
        assert power == pytest.approx(1.0, rel=0.05)


def test_compression_keeps_phases_and_its_exponent():
    linear, root = (new_frames(exponent=exponent)(waveform(), LENGTHS).values for exponent in (1.0, 0.5))
    linear, root = (torch.complex(*values.chunk(2, dim=-1)) for values in (linear, root))
    loud = linear.abs() > 0.1
    torch.testing.assert_close(root[loud].abs().square(), linear[loud].abs(), rtol=1e-3, atol=0)
    torch.testing.assert_close(root[loud].angle(), linear[loud].angle(), rtol=1e-3, atol=1e-3)


def test_silence_is_zero():
    silent = new_frames(exponent=0.5)(torch.zeros(1, 300), torch.tensor([300]))
    assert not silent.values.any() and silent.frame_rate == 500.0


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"exponent": 0.0}, "exponent is 0.0"),
        ({"exponent": 1.5}, "exponent is 1.5"),
        ({"hop_length": 48}, "multiple of hop_length 48"),
        ({"sample_rate": 0}, "sample_rate is 0"),
    ],
)
def test_what_makes_no_analysis_is_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        new_frames(**conf)
