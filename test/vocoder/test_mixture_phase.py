"""Filtering the mixture to a mel spectrogram."""

import pytest
import torch

from espnet_tse.layers.shifted_log_mel import ShiftedLogMel, ShiftedLogMelConfig
from espnet_tse.schema import Conditions, Frames, Prediction, Streams
from espnet_tse.vocoder.mixture_phase import MixturePhase, MixturePhaseConfig

LENGTHS = torch.tensor([8000, 5000])


@pytest.fixture(scope="module")
def vocoder() -> MixturePhase:
    return MixturePhase(MixturePhaseConfig(), ShiftedLogMel(ShiftedLogMelConfig()))


def signals(seed: int) -> torch.Tensor:
    values = torch.randn(2, 8000, generator=torch.Generator().manual_seed(seed)) * 0.1
    values[1, 5000:] = 0.0
    return values


def synthesized(vocoder: MixturePhase, mixture: torch.Tensor, predicted: Frames) -> torch.Tensor:
    conditions = Conditions(
        Streams(mixture=vocoder.mel(mixture, LENGTHS)), mixture_waveform=mixture, mixture_num_samples=LENGTHS
    )
    return vocoder.synthesize(Prediction(Streams(mel=predicted)), conditions)


def decibels(signal: torch.Tensor, error: torch.Tensor) -> float:
    return float(10 * torch.log10(signal.square().sum() / error.square().sum()))


def test_the_mixtures_own_spectrogram_gives_the_mixture(vocoder):
    mixture = signals(0)
    waveform = synthesized(vocoder, mixture, vocoder.mel(mixture, LENGTHS))
    assert waveform.shape == (2, 8000) and not waveform[1, 5000:].any()
    assert decibels(mixture, waveform - mixture) > 40


def test_what_is_not_predicted_is_removed(vocoder):
    time = torch.arange(8000) / 16000
    low, high = (
        torch.sin(2 * torch.pi * hz * time).expand(2, -1) * (torch.arange(8000) < LENGTHS[:, None])
        for hz in (400, 3000)
    )
    mixture = low + high
    predicted = vocoder.mel(low, LENGTHS, vocoder.mel.gain(mixture, LENGTHS))
    waveform = synthesized(vocoder, mixture, predicted)
    assert decibels(low, waveform - low) > 15


def test_silence_stays_silent_and_gains_are_bounded(vocoder):
    silence, loud = torch.zeros(2, 8000), vocoder.mel(signals(0), LENGTHS)
    assert not synthesized(vocoder, silence, loud).any()
    quiet = signals(0) * 1e-3
    conditions_level = synthesized(vocoder, quiet, Frames(loud.values + 10.0, loud.lengths, 100.0))
    assert conditions_level.abs().max() <= 4.5 * quiet.abs().max()


def test_a_gain_is_positive():
    with pytest.raises(ValueError, match="largest_gain"):
        MixturePhaseConfig(largest_gain=0.0)
