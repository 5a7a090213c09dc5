"""The first stage of Mask2Flow-TSE as an encoder."""

import pytest
import torch

from espnet_tse.encoder.masked_mel import (
    ConvMaskedMel,
    ConvMaskedMelConfig,
    LSTMMaskedMel,
    LSTMMaskedMelConfig,
)
from espnet_tse.extractor.speaker_resnet34 import SpeakerResNet34, SpeakerResNet34Config
from espnet_tse.schema import TSEBatch


def new_speaker_encoder(input_dim: int) -> SpeakerResNet34:
    return SpeakerResNet34(SpeakerResNet34Config(width=2, num_blocks=(1, 1, 1, 1), output_dim=4), input_dim)


def new_encoder(**changes) -> LSTMMaskedMel:
    torch.manual_seed(0)
    sizes = {"num_mels": 20, "kernels": [[3, 3]], "channels": 2, "maps": 2, "lstm_width": 4}
    return LSTMMaskedMel(LSTMMaskedMelConfig(**{**sizes, **changes}), new_speaker_encoder).eval()


def batch() -> TSEBatch:
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 4000, generator=generator) * 0.1
    mixture[1, 3000:] = 0.0
    enrollment = torch.randn(2, 3000, generator=generator)
    return TSEBatch(
        mixture,
        torch.tensor([4000, 3000]),
        enrollment,
        torch.tensor([3000, 2000]),
        sample_rate=16000,
        target=mixture * 0.5,
    )


@pytest.mark.parametrize("energy_gain", [False, True])
def test_the_mask_only_removes(energy_gain):
    encoder = new_encoder(energy_gain=energy_gain)
    conditions = encoder(batch())
    mixture, masked = conditions.streams["mixture"], conditions.streams["masked"]
    assert (masked.values <= mixture.values).all() and (masked.values >= 0).all()
    assert masked.values.sum() < mixture.values.sum() and masked.lengths.tolist() == [26, 19]
    assert not masked.values[1, 19:].any()


def test_the_speaker_has_length_one_whatever_the_level():
    encoder, louder = new_encoder(), batch()
    louder.enrollment = louder.enrollment * 10
    speaker = encoder.speaker(batch())
    torch.testing.assert_close(speaker.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(encoder.speaker(louder), speaker)
    assert not torch.allclose(speaker[0], speaker[1])


def test_the_target_is_analysed_at_the_gain_of_its_mixture():
    encoder, louder = new_encoder(), batch()
    louder.mixture, louder.target = louder.mixture * 10, louder.target * 10
    target = encoder.target(batch())
    torch.testing.assert_close(encoder.target(louder).values, target.values)
    assert (target.values <= encoder(batch()).streams["mixture"].values).all()


def test_a_row_is_as_it_is_alone():
    encoder, whole = new_encoder(), batch()
    masked = encoder(whole).streams["masked"].values[1, :19]
    alone = encoder(whole.rows(torch.tensor([1])))
    torch.testing.assert_close(alone.streams["masked"].values[0, :19], masked)


def test_convolutions_alone_make_masks_too():
    torch.manual_seed(0)
    encoder = ConvMaskedMel(ConvMaskedMelConfig(num_mels=20, width=8, num_blocks=1), new_speaker_encoder)
    assert encoder(batch()).streams["masked"].values.shape == (2, 26, 20)


def test_sizes_of_both_halves_are_checked():
    with pytest.raises(ValueError, match="mel spectrogram"):
        LSTMMaskedMelConfig(num_mels=0)
    with pytest.raises(ValueError, match="mask network"):
        LSTMMaskedMelConfig(maps=0)
