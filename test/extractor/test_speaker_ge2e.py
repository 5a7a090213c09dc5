"""The pretrained speaker encoder."""

import numpy as np
import pytest
import torch

from espnet_tse.extractor import speaker_ge2e
from espnet_tse.extractor.speaker_ge2e import WIDTH, SpeakerGE2E, SpeakerGE2EConfig, num_partials
from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.resemblyzer import SpeakerEncoder, partial_starts


@pytest.fixture(scope="module")
def encoder() -> SpeakerGE2E:
    encoder = SpeakerGE2E(SpeakerGE2EConfig())
    encoder.start_from_pretrained()
    return encoder


def voice(num_samples: int, seed: int = 0) -> torch.Tensor:
    """Harmonics with a moving pitch and some noise, at a level of its own."""
    generator = np.random.default_rng(seed)
    pitch = 120 + 30 * seed + 20 * np.sin(2 * np.pi * 0.7 * np.arange(num_samples) / 16000)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    return torch.from_numpy(
        (0.05 * (1 + seed) * tone + 0.01 * generator.standard_normal(num_samples)).astype("float32")
    )


@pytest.mark.parametrize("num_samples", [8000, 25599, 25600, 40000, 64000, 80123])
def test_embeddings_are_those_of_the_scorer(encoder, num_samples):
    """Two implementations, one in numpy for whole files and this one for padded batches, of one set of weights."""
    from importlib.util import find_spec
    from pathlib import Path

    folder = Path(find_spec("resemblyzer").submodule_search_locations[0])
    signal = voice(num_samples)
    expected = SpeakerEncoder(folder / "pretrained.pt")(signal.numpy())
    found = encoder(signal[None], torch.tensor([num_samples]))[0] / WIDTH**0.5
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("num_samples", [1, 100, 20000, 25600, 30000, 37920, 64000, 99999])
def test_partials_are_counted_as_the_scorer_counts(num_samples):
    assert int(num_partials(torch.tensor([num_samples]))[0]) == len(partial_starts(num_samples))


def test_a_row_is_the_same_whatever_its_batch_mates_and_level(encoder):
    signals = [voice(30000), voice(64000, 1), voice(9000, 2)]
    lengths = torch.tensor([len(signal) for signal in signals])
    batch = encoder(torch.nn.utils.rnn.pad_sequence(signals, batch_first=True), lengths)
    for row, signal in enumerate(signals):
        alone = encoder(3.0 * signal[None], None)
        torch.testing.assert_close(batch[row], alone[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(batch.square().mean(dim=1), torch.ones(3))  # RMS 1


def test_silence_gives_a_finite_embedding(encoder):
    assert encoder(torch.zeros(1, 20000), torch.tensor([20000])).isfinite().all()


@pytest.mark.parametrize("frozen", [True, False])
def test_only_a_thawed_encoder_learns(frozen):
    encoder = SpeakerGE2E(SpeakerGE2EConfig(frozen=frozen))
    out = encoder(voice(30000)[None], torch.tensor([30000]))
    assert out.requires_grad == (not frozen)
    if not frozen:
        out.square().mean().backward()  # constant, as all embeddings have RMS 1
        (encoder(voice(30000)[None], None) * torch.arange(WIDTH)).sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in encoder.lstm.parameters())


def test_without_the_package_the_weights_cannot_be_had(monkeypatch):
    monkeypatch.setattr(speaker_ge2e, "find_spec", lambda name: None)
    with pytest.raises(
        DataError, match="Resemblyzer, which is not installed: pip install --no-deps resemblyzer"
    ):
        SpeakerGE2E(SpeakerGE2EConfig()).start_from_pretrained()


def test_half_precision_of_a_training_moves_embeddings_little(encoder):
    signal = voice(40000)[None]
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(signal, None)
    assert found.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(found, encoder(signal, None)).item() > 0.99
