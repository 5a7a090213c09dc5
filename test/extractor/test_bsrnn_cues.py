"""Ways in which a band-split RNN is told the voice."""

import pytest
import torch
from nano_extractors import SYSTEMS, nano_extractor

from espnet_tse.extractor.abs_extractor import Cue
from espnet_tse.tasks.choices import extractor_choices, speaker_encoder_choices


@torch.no_grad()
def test_the_map_holds_the_enrollments_frames_where_the_mixture_is_alike():
    model = nano_extractor("bsrnn_map", sharpness=200.0)
    enrollment = torch.rand(1, 40, 33).square() + 0.01
    order = torch.randperm(40)
    found = model.enrollment_map(7.0 * enrollment[:, order], Cue(enrollment))
    likeness = torch.nn.functional.cosine_similarity(found, enrollment[:, order], dim=-1)
    assert likeness.min() > 0.999
    blunt = nano_extractor("bsrnn_map", sharpness=0.01).enrollment_map(enrollment, Cue(enrollment))
    assert (blunt - blunt[:, :1]).abs().max() < 1e-3  # the mean of all, everywhere


@torch.no_grad()
def test_the_map_has_the_level_of_the_mixture():
    model = nano_extractor("bsrnn_map", compression=0.3)
    spectrum = torch.randn(1, 20, 33, 2)
    cue = Cue(torch.rand(1, 30, 33))
    quiet, loud = model.view(spectrum, cue), model.view(10 * spectrum, cue)
    torch.testing.assert_close(loud, quiet * 10**0.3, atol=1e-3, rtol=1e-3)
    assert quiet.shape[-1] == 3


def test_contexts_want_an_encoder_with_frames():
    encoder = speaker_encoder_choices.build("ge2e", {}, input_dim=16)
    with pytest.raises(ValueError, match="SpeakerGE2E has none; set speaker_encoder: resnet34"):
        extractor_choices.build(
            "bsrnn_context", SYSTEMS["bsrnn_context"][0], new_speaker_encoder=lambda input_dim: encoder
        )


@torch.no_grad()
def test_an_encoders_frames_are_those_that_it_pools():
    encoder = speaker_encoder_choices.build("resnet34", {"width": 4, "num_blocks": (1, 1)}, input_dim=16)
    values, lengths = torch.randn(3, 30, 16), torch.tensor([30, 21, 30])
    embedding, frames, counts = encoder.with_frames(values, lengths)
    torch.testing.assert_close(embedding, encoder(values, lengths))
    assert counts.tolist() == [15, 11, 15] and frames.shape == (3, 15, encoder.frame_dim)
    alone = encoder.with_frames(values[1:2, :21], None)[1]
    torch.testing.assert_close(frames[1, :11], alone[0], atol=1e-5, rtol=1e-4)
