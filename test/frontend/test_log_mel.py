import numpy as np
import pytest
import torch

from espnet_tse.frontend.log_mel import LogMel, LogMelConfig
from espnet_tse.layers.mel_filters import slaney_mel_filters


def speech_like(seconds=2.0, seed=0):
    """A gliding harmonic tone with a slow envelope and a little noise."""
    n = np.arange(int(16000 * seconds)) / 16000
    phase = 2 * np.pi * np.cumsum(120 * (1 + 0.1 * np.sin(np.pi * n))) / 16000
    tone = sum(np.sin(k * phase) / k for k in range(1, 30)) * np.sqrt(np.maximum(0, np.sin(6 * np.pi * n)))
    noise = np.random.default_rng(seed).standard_normal(len(n)) * 1e-3
    return ((tone + noise) / np.abs(tone + noise).max()).astype(np.float32)


@pytest.mark.parametrize("num_mels", [64, 128])
def test_equals_librosa(num_mels):
    librosa = pytest.importorskip("librosa", reason="a declared dependency of the package")
    signal = speech_like()
    power = librosa.feature.melspectrogram(
        y=signal, sr=16000, n_fft=512, hop_length=256, n_mels=num_mels, pad_mode="constant"
    )
    expected = librosa.power_to_db(power, ref=np.max).T
    frames = LogMel(LogMelConfig(num_mels=num_mels))(torch.tensor(signal)[None], torch.tensor([len(signal)]))
    difference = np.abs(frames.values[0].numpy() - expected)
    assert difference.mean() < 1e-3 and difference.max() < 0.05
    assert frames.frame_rate == 62.5 and frames.lengths.tolist() == [1 + len(signal) // 256]


def test_filters_have_unit_area():
    areas = slaney_mel_filters(16000, 8192, 40).sum(0) * (8000 / 4096)
    torch.testing.assert_close(areas, torch.ones(40), atol=0.02, rtol=0)


def test_level_does_not_matter_and_padding_neither():
    frontend = LogMel(LogMelConfig())
    signal = torch.tensor(speech_like(1.0))
    batch = torch.zeros(2, 20000)
    batch[0, :16000], batch[1] = signal * 0.01, torch.tensor(speech_like(1.25))
    batch[0, 16000:] = 7.0  # what stands behind a row's length is not read
    together = frontend(batch, torch.tensor([16000, 20000]))
    alone = frontend(signal[None], torch.tensor([16000]))
    torch.testing.assert_close(together.values[0, : alone.values.size(1)], alone.values[0], atol=1e-3, rtol=0)
    assert (together.values[0, alone.values.size(1) :] == -80).all()


def test_silence_is_finite_with_a_finite_gradient():
    signal = torch.zeros(1, 4000, requires_grad=True)
    frames = LogMel(LogMelConfig())(signal, torch.tensor([4000]))
    frames.values.sum().backward()
    assert torch.isfinite(frames.values).all() and torch.isfinite(signal.grad).all()


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="positive"):
        LogMelConfig(num_mels=0)
