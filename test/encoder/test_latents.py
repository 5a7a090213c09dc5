"""Conditions of latents: what of them is trained, and what each row depends on."""

from dataclasses import replace

import pytest
import torch
from nano_solo_speech import PARTS, SPEAKER, linear_autoencoder, make_batch
from tiny_tokenizers import HOP, VoiceAndUnits, VoiceAndUnitsConfig

from espnet_tse.encoder.latents import LatentSequence, LatentSequenceConfig
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.build import build_part


def new_encoder(**changes):
    torch.manual_seed(0)
    return build_part("encoder", "encoder", {**PARTS, **changes}, {}, autoencoder=linear_autoencoder()).eval()


def test_the_mixture_is_given_as_its_latents():
    encoder, batch = new_encoder(), make_batch()
    mixture = encoder(batch).streams["mixture"]
    wanted = linear_autoencoder().encode(batch.mixture, batch.mixture_lengths)["latent"]
    torch.testing.assert_close(mixture.values, wanted.values)
    assert mixture.lengths.tolist() == [-(-2000 // HOP), -(-1500 // HOP)] and not mixture.values.requires_grad


def test_the_enrollment_is_a_sequence_of_the_width_of_the_context():
    encoder, batch = new_encoder(), make_batch()
    enrollment = encoder(batch).streams["enrollment"]
    assert enrollment.values.shape == (2, 6, encoder.context_dim) and enrollment.lengths.tolist() == [4, 6]
    assert not enrollment.values[0, 4:].any() and encoder.speaker_dim is None
    row = batch.rows(torch.tensor([0]))
    alone = encoder(replace(row, enrollment=row.enrollment[:, :1200])).streams["enrollment"]
    torch.testing.assert_close(enrollment.values[:1, :4], alone.values, atol=1e-5, rtol=1e-5)


def test_or_a_vector_of_length_1():
    encoder, batch = new_encoder(**SPEAKER), make_batch()
    conditions = encoder(batch)
    speaker = conditions.vectors["speaker"]
    assert set(conditions.streams) == {"mixture"} and speaker.shape == (2, encoder.speaker_dim)
    torch.testing.assert_close(speaker.norm(dim=1), torch.ones(2))
    assert encoder.context_dim is None


def test_a_speaker_encoder_that_takes_waveforms_is_given_the_waveform(monkeypatch):
    encoder, batch, given = new_encoder(**SPEAKER), make_batch(), []

    def hear(signal, lengths):
        given.append((signal, lengths))
        return torch.ones(2, 4)

    monkeypatch.setattr(encoder.speaker_encoder, "forward", hear)
    for takes, wanted in ((False, 3), (True, 2)):
        monkeypatch.setattr(type(encoder.speaker_encoder), "takes_waveform", takes)
        encoder(batch)
        assert given[-1][0].dim() == wanted
    assert torch.equal(given[-1][0], batch.enrollment)


GIVEN = {**SPEAKER, "speaker_encoder": "given", "speaker_encoder_conf": {"output_dim": 4}}


@pytest.mark.parametrize("parts", [SPEAKER, GIVEN], ids=["beside an encoder", "instead of one"])
def test_an_embedding_that_another_model_made_takes_the_enrollments_place(parts):
    encoder, batch = new_encoder(**parts), make_batch()
    batch.speaker_embedding = torch.tensor([[3.0, 0.0, 0.0, 4.0], [0.0, 2.0, 0.0, 0.0]])
    wanted = torch.tensor([[0.6, 0.0, 0.0, 0.8], [0.0, 1.0, 0.0, 0.0]])
    torch.testing.assert_close(encoder(batch).vectors["speaker"], wanted)
    batch.speaker_embedding = torch.ones(2, 5)
    with pytest.raises(DataError, match="embeddings of 5 values, but LatentSpeaker takes 4"):
        encoder(batch)


def test_the_autoencoder_is_frozen_evaluated_and_in_no_checkpoint():
    encoder = new_encoder().train()
    assert encoder.transformer.training and not encoder.autoencoder.training
    assert not any("autoencoder" in name for name in encoder.state_dict())
    encoder(make_batch()).streams["enrollment"].values.sum().backward()
    assert all(p.grad is None and not p.requires_grad for p in encoder.autoencoder.parameters())
    assert encoder.projection.weight.grad.any()


def test_latents_are_made_in_full_precision_as_stored_ones_were():
    encoder, batch = new_encoder(), make_batch()
    wanted = encoder(batch).streams["mixture"].values
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(batch).streams["mixture"].values
    assert found.dtype == torch.float32 and torch.equal(found, wanted)


def test_what_has_no_latents_is_refused():
    with pytest.raises(ValueError, match="VoiceAndUnits has no latents; name a VAE under tokenizers"):
        LatentSequence(LatentSequenceConfig(), VoiceAndUnits(VoiceAndUnitsConfig()))
    with pytest.raises(ValueError, match="context_dim is 0, want 1 or more"):
        LatentSequenceConfig(context_dim=0)
    with pytest.raises(ValueError, match="heads of one even width"):
        LatentSequenceConfig(num_heads=5)
