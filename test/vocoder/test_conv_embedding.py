import pytest
import torch
from factories import TableCodec, make_conditions, make_frames, take

from espnet_tse.vocoder.conv_embedding import ConvEmbeddingConfig, ConvEmbeddingVocoder


def make_vocoder(trained=True):
    torch.manual_seed(0)
    config = ConvEmbeddingConfig(channels=12, num_blocks=2)
    vocoder = ConvEmbeddingVocoder.from_config(config, TableCodec()).eval()
    if trained:  # an untrained one is a plain mean of coarse embeddings and mixture
        torch.nn.init.normal_(vocoder.stack.output.weight, std=0.1)
    return vocoder


@pytest.mark.parametrize("enrollment_lengths", [[5, 9], [9, 5]])
@pytest.mark.parametrize("mixture_rate, mixture_lengths", [(25.0, [3, 7]), (62.5, [8, 18])])
def test_estimate_does_not_depend_on_batch_padding(enrollment_lengths, mixture_rate, mixture_lengths):
    vocoder, separator = make_vocoder(), torch.ones(16)
    parts = (
        make_frames(mixture_lengths, frame_rate=mixture_rate),
        make_frames(enrollment_lengths, seed=1),
        make_frames([3, 7], frame_rate=25.0, seed=2),
    )
    with torch.no_grad():
        batched = vocoder.refine(make_conditions(*parts[:2]), parts[2], separator)
        for row in range(2):
            own = [take(part, row) for part in parts]
            alone = vocoder.refine(make_conditions(*own[:2]), own[2], separator)
            length = alone.values.size(1)
            torch.testing.assert_close(batched.values[row, :length], alone.values[0], atol=1e-5, rtol=1e-5)
            assert not batched.values[row, length:].any()
    assert batched.frame_rate == 25.0 and batched.lengths.tolist() == [3, 7]


def test_the_start_is_half_of_the_coarse_codes_and_half_of_the_mixture():
    vocoder = make_vocoder(trained=False)
    torch.nn.init.zeros_(vocoder.stack.output.bias)
    mixture, coarse = make_frames([4], frame_rate=25.0), make_frames([4], frame_rate=25.0, seed=2)
    refined = vocoder.refine(make_conditions(mixture, make_frames([3], seed=1)), coarse, torch.zeros(16))
    torch.testing.assert_close(refined.values, (mixture.values + coarse.values) / 2)


def test_another_enrollment_gives_another_estimate():
    vocoder, coarse = make_vocoder(), make_frames([4], frame_rate=25.0, seed=2)
    mixture = make_frames([4], frame_rate=25.0)
    enrollments = make_frames([3], seed=1), make_frames([3], seed=5)
    first, second = (
        vocoder.refine(make_conditions(mixture, enrollment), coarse, torch.zeros(16))
        for enrollment in enrollments
    )
    assert not torch.allclose(first.values, second.values, atol=1e-4)


def test_codes_of_another_rate_are_refused():
    conditions = make_conditions(make_frames([4]), make_frames([4]))
    with pytest.raises(ValueError, match="50.0 Hz but the codec decodes at 25.0"):
        make_vocoder().refine(conditions, make_frames([3], frame_rate=50.0), torch.zeros(16))


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"synthesis": "magic"}, "'magic' is neither"),
        ({"filter_power": 0.0}, "filter_power is 0.0"),
        ({"channels": 0}, "positive"),
        ({"num_blocks": 0}, "positive"),
    ],
)
def test_impossible_configs_are_refused(conf, fault):
    with pytest.raises(ValueError, match=fault):
        ConvEmbeddingConfig(**conf)


def test_the_codec_is_frozen_and_in_no_checkpoint():
    vocoder = make_vocoder().train()
    assert not vocoder.codec.training and not any(p.requires_grad for p in vocoder.codec.parameters())
    assert not any("codec" in name for name in vocoder.state_dict())
