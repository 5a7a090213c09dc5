"""The mel spectrogram of Mask2Flow-TSE."""

import pytest
import torch

from espnet_tse.layers.shifted_log_mel import ShiftedLogMel, ShiftedLogMelConfig


@pytest.fixture(scope="module")
def mel() -> ShiftedLogMel:
    return ShiftedLogMel(ShiftedLogMelConfig())


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_frames_are_centred_and_nowhere_negative(mel):
    frames = mel(noise(1, 16050), torch.tensor([16050]))
    assert frames.values.shape == (1, 101, 80) and frames.frame_rate == 100.0
    assert frames.values.min() >= 0 and frames.values.max() > 1


def test_silence_is_zero_to_the_last_bit(mel):
    frames = mel(torch.zeros(1, 800), torch.tensor([800]))
    assert not frames.values.any()


def test_the_inverse_returns_the_powers(mel):
    power = torch.logspace(-3, 4, 50)
    values = torch.log1p(power / mel.config.power_floor) / mel.config.divisor
    torch.testing.assert_close(mel.power(values), power, rtol=1e-3, atol=0)
    assert mel.power(torch.full((1,), 1e6)).isfinite()


def test_a_level_changes_nothing_unless_another_signal_sets_it(mel):
    signal, lengths = noise(1, 4000), torch.tensor([4000])
    values = mel(signal, lengths).values
    torch.testing.assert_close(mel(signal * 0.01, lengths).values, values)
    quieter = mel(signal * 0.5, lengths, mel.gain(signal, lengths)).values
    assert (quieter < values).all()


def test_a_padded_row_is_as_it_is_alone(mel):
    signal = noise(2, 4000)
    signal[1, 2500:] = 7.0  # not read
    frames = mel(signal, torch.tensor([4000, 2500]))
    alone = mel(signal[1:, :2500], torch.tensor([2500]))
    torch.testing.assert_close(frames.values[1, :16], alone.values[0])
    assert frames.lengths.tolist() == [26, 16] and not frames.values[1, 16:].any()


def test_it_is_in_full_precision_in_training_with_mixed_precision(mel):
    signal, lengths = noise(1, 4000), torch.tensor([4000])
    with torch.autocast("cpu", torch.bfloat16):
        values = mel(signal, lengths).values
    assert torch.equal(values, mel(signal, lengths).values)


def test_the_spectrum_has_an_inverse(mel):
    signal = noise(1, 3999)
    torch.testing.assert_close(mel.waveform(mel.spectrum(signal), 3999), signal, rtol=0, atol=1e-5)


@pytest.mark.parametrize("conf", [{"window_length": 600}, {"hop_length": 300}, {"power_floor": 0.0}])
def test_sizes_that_do_not_fit_are_refused(conf):
    with pytest.raises(ValueError, match="must be positive"):
        ShiftedLogMelConfig(**conf)
