"""The system that comes with the package."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from espnet_tse import Extractor
from espnet_tse.bin import extract
from espnet_tse.schema.files import sha256_of
from espnet_tse.tasks.checkpoint import DEFAULT_CHECKPOINT
from espnet_tse.tasks.shipped import SHIPPED

LOCAL = Path(__file__).resolve().parents[2] / "egs2" / "mini_espeak" / "tse1" / "local"
RATE = 16000


def si_sdr(estimate: np.ndarray, target: np.ndarray) -> float:
    estimate, target = estimate - estimate.mean(), target - target.mean()
    projection = (estimate @ target) / (target @ target) * target
    return 10 * np.log10((projection @ projection) / ((estimate - projection) @ (estimate - projection)))



@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor.from_pretrained()


def test_its_manifest_is_of_its_weights(extractor):
    manifest = json.loads((SHIPPED / "manifest.json").read_text())
    assert manifest["weights_sha256"] == sha256_of(SHIPPED / DEFAULT_CHECKPOINT)
    count = sum(parameter.numel() for parameter in extractor.model.parameters())
    assert manifest["num_parameters"] == count <= 4_000_000
    assert manifest["sample_rate"] == extractor.sample_rate == RATE
    assert all(value.isfinite().all() for value in extractor.model.state_dict().values())


def test_its_card_names_data_and_licences():
    card = (SHIPPED / "README.md").read_text()
    for part in ("LibriSpeech", "CC BY 4.0", "Apache-2.0", "Resemblyzer", "SI-SDRi", "bsrnn_small.yaml"):
        assert part in card


def test_the_command_needs_no_model(tmp_path, caplog):
    rng = np.random.default_rng(0)
    for name, seconds in (("mixture", 1.3), ("enrollment", 2.0)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(round(seconds * 8000)), 8000)
    files = [str(tmp_path / f"{name}.wav") for name in ("mixture", "enrollment", "out")]
    assert extract.main([*files[:2], "-o", files[2]]) == 0
    info = soundfile.info(files[2])
    assert (info.frames, info.samplerate) == (10400, 8000)
