"""Signals with known scores; no speech file is needed."""

from pathlib import Path
from typing import Callable

import numpy as np
import pytest

RATE = 16000


def harmonic_voice(pitch: float = 120.0, tilt: float = 1.0, num_samples: int = 80000) -> np.ndarray:
    """A vibrating harmonic tone in syllables of a third of a second, peak 0.5."""
    t = np.arange(num_samples) / RATE
    f0 = pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.5 * t))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    harmonics = sum(np.sin(k * phase) / k**tilt for k in range(1, 31))
    tone = harmonics * np.sqrt(np.maximum(0, np.sin(2 * np.pi * 3 * t)))
    return 0.5 * tone / np.abs(tone).max()


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """S, (80000,)."""
    return harmonic_voice()


@pytest.fixture(scope="session")
def other_speech() -> np.ndarray:
    """Another "speaker", (80000,)."""
    return harmonic_voice(pitch=230.0, tilt=0.5)


@pytest.fixture(scope="session")
def noise(speech: np.ndarray) -> np.ndarray:
    """W, white, 10 dB below S."""
    white = np.random.default_rng(0).standard_normal(len(speech))
    return white * np.sqrt(np.sum(speech**2) / np.sum(white**2) / 10)


@pytest.fixture(scope="session")
def noisy(speech: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """X = S + W."""
    return speech + noise


@pytest.fixture
def write_set(tmp_path: Path) -> Callable[[str, dict[str, np.ndarray]], Path]:
    """write_set(name, {key: samples}) -> scp of float wav files."""
    import soundfile

    def write(name: str, signals: dict[str, np.ndarray], rate: int = RATE) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for key, samples in signals.items():
            soundfile.write(folder / f"{key}.wav", samples, rate, subtype="FLOAT")
        scp = tmp_path / f"{name}.scp"
        scp.write_text("".join(f"{key} {folder / key}.wav\n" for key in sorted(signals)))
        return scp

    return write


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Callable[[str], Path]:
    """models(relative) -> a tiny random model at its place below a model folder, made at the first call."""
    import tiny_scorers as tiny

    folder = tmp_path_factory.mktemp("models")
    makers = {
        "nisqa/nisqa.tar": tiny.save_nisqa,
        "utmos": tiny.save_utmos,
        "hf/hubert-base-ls960": tiny.save_hubert,
        "hf/wavlm-base-plus-sv": tiny.save_wavlm_sv,
        "wespeaker/voxceleb_resnet221_LM.onnx": tiny.save_wespeaker,
        "whisper/tiny.pt": tiny.save_whisper,
        "hf/whisper-tiny": tiny.save_hf_whisper,
        "faster-whisper/tiny": lambda path: tiny.save_faster_whisper(make("hf/whisper-tiny"), path),
    }

    def make(relative: str) -> Path:
        path = folder / relative
        return path if path.exists() else makers[relative](path)

    return make


@pytest.fixture
def no_network(monkeypatch):
    """Every attempt to connect fails the test."""
    import socket

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
