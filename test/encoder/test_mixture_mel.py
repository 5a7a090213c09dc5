"""The mixture's mel spectrogram, the speaker's vector, and the target at the mixture's gain."""

import torch
from factories import make_batch, take_row
from torch.testing import assert_close

from espnet_tse.encoder.mixture_mel import MixtureMel
from espnet_tse.extractor.speaker_resnet34 import SpeakerResNet34, SpeakerResNet34Config
from espnet_tse.layers.shifted_log_mel import ShiftedLogMelConfig


def new_encoder() -> MixtureMel:
    torch.manual_seed(0)
    sizes = SpeakerResNet34Config(width=2, num_blocks=(1, 1, 1, 1), output_dim=4)
    return MixtureMel(
        ShiftedLogMelConfig(num_mels=20), lambda input_dim: SpeakerResNet34(sizes, input_dim)
    ).eval()


def test_levels_of_the_recordings_do_not_matter():
    encoder, batch = new_encoder(), make_batch([0.2, 0.1], [0.3, 0.2], None)
    conditions, target = encoder(batch), encoder.target(batch)
    assert conditions.streams["mixture"].values.shape == target.values.shape == (2, 21, 20)
    assert set(conditions.streams) == {"mixture"} and conditions.mixture_waveform is batch.mixture
    assert_close(conditions.vectors["speaker"].norm(dim=1), torch.ones(2))
    batch.mixture, batch.target, batch.enrollment = (
        20 * batch.mixture,
        20 * batch.target,
        0.1 * batch.enrollment,
    )
    louder = encoder(batch)
    assert_close(louder.vectors["speaker"], conditions.vectors["speaker"])
    assert_close(louder.streams["mixture"].values, conditions.streams["mixture"].values)
    assert_close(encoder.target(batch).values, target.values)


def test_the_target_keeps_its_level_against_the_mixture():
    encoder, batch = new_encoder(), make_batch([0.2], [0.3], None)
    mixture = encoder(batch).streams["mixture"].values
    batch.target = batch.mixture
    assert_close(encoder.target(batch).values, mixture)
    batch.target = 0.5 * batch.mixture
    power = encoder.mel.power(encoder.target(batch).values)
    assert_close(power, 0.25 * encoder.mel.power(mixture), rtol=1e-3, atol=1e-6)


def test_a_row_is_as_it_is_alone():
    encoder, batch = new_encoder(), make_batch([0.2, 0.1], [0.2, 0.3], None)
    both, target = encoder(batch), encoder.target(batch)
    for row in range(2):
        one = take_row(batch, row)
        alone = encoder(one)
        assert_close(alone.vectors["speaker"][0], both.vectors["speaker"][row])
        for found, wanted in (
            (both.streams["mixture"], alone.streams["mixture"]),
            (target, encoder.target(one)),
        ):
            length = wanted.values.size(1)
            assert_close(found.values[row, :length], wanted.values[0])
            assert not found.values[row, length:].any()
