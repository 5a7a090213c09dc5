"""From a spectrum to samples."""

import torch

from espnet_tse.layers.spectral_frames import SpectralFrames, SpectralFramesConfig, unit_gain
from espnet_tse.schema import Conditions, Prediction, Streams
from espnet_tse.vocoder.inverse_stft import InverseSTFT, InverseSTFTConfig

LENGTHS = torch.tensor([1000, 777])


def test_a_spectrum_in_units_of_the_mixture_is_a_signal_at_its_level():
    frames = SpectralFrames(SpectralFramesConfig(n_fft=64, hop_length=32))
    mixture, target = torch.randn(2, 2, 1000, generator=torch.Generator().manual_seed(0))
    mixture, target = 0.01 * mixture, 0.004 * target
    for signal in (mixture, target):
        signal[1, 777:] = 0.0
    spectrum = frames(target, LENGTHS, unit_gain(mixture, LENGTHS))
    conditions = Conditions(Streams(), mixture_waveform=mixture, mixture_num_samples=LENGTHS)
    vocoder = InverseSTFT.from_config(InverseSTFTConfig(), frames)
    waveform = vocoder.synthesize(Prediction(Streams(spectrum=spectrum)), conditions)
    torch.testing.assert_close(waveform, target, rtol=1e-4, atol=1e-6)


def test_nothing_sounds_behind_a_row():
    frames = SpectralFrames(SpectralFramesConfig(n_fft=64, hop_length=32))
    spectrum = frames(torch.ones(2, 1000), torch.tensor([1000, 1000]))
    conditions = Conditions(Streams(), mixture_waveform=torch.ones(2, 1000), mixture_num_samples=LENGTHS)
    waveform = InverseSTFT(frames).synthesize(Prediction(Streams(spectrum=spectrum)), conditions)
    assert waveform[1, :777].all() and not waveform[1, 777:].any()
