"""The mixture's spectrum and the speaker's vector."""

import pytest
import torch
from factories import make_batch, take_row
from torch.testing import assert_close

from espnet_tse.encoder.mixture_spectrum import MixtureSpectrum, MixtureSpectrumConfig
from espnet_tse.extractor.given_embedding import GivenEmbedding, GivenEmbeddingConfig
from espnet_tse.extractor.speaker_resnet34 import SpeakerResNet34, SpeakerResNet34Config


def new_encoder(**conf) -> MixtureSpectrum:
    torch.manual_seed(0)
    sizes = SpeakerResNet34Config(width=2, num_blocks=(1, 1, 1, 1), output_dim=4)
    config = MixtureSpectrumConfig(**{"n_fft": 64, "hop_length": 32, "num_mels": 20, **conf})
    return MixtureSpectrum(config, lambda input_dim: SpeakerResNet34(sizes, input_dim)).eval()


def test_streams_are_at_one_level_and_the_vector_has_length_one():
    encoder, batch = new_encoder(), make_batch([0.2, 0.1], [0.3, 0.2], None)
    conditions = encoder(batch)
    assert conditions.streams["mixture"].values.shape == (2, 101, 66)
    assert_close(conditions.vectors["speaker"].norm(dim=1), torch.ones(2))
    assert conditions.mixture_waveform is batch.mixture
    batch.mixture, batch.enrollment = 20 * batch.mixture, 0.05 * batch.enrollment
    louder = encoder(batch)
    assert_close(louder.vectors["speaker"], conditions.vectors["speaker"])
    for name, stream in conditions.streams.items():
        assert_close(louder.streams[name].values, stream.values)


def test_a_row_is_as_it_is_alone():
    encoder, batch = new_encoder(exponent=0.5), make_batch([0.2, 0.1], [0.2, 0.3], None)
    both = encoder(batch)
    for row in range(2):
        alone = encoder(take_row(batch, row))
        assert_close(alone.vectors["speaker"][0], both.vectors["speaker"][row])
        for name, stream in alone.streams.items():
            assert_close(stream.values[0], both.streams[name].values[row, : stream.values.size(1)])


def test_embeddings_may_be_given():
    encoder = MixtureSpectrum(
        MixtureSpectrumConfig(),
        lambda input_dim: GivenEmbedding.from_config(GivenEmbeddingConfig(3), input_dim),
    )
    batch = make_batch([0.1], [0.1], None)
    batch.speaker_embedding = torch.tensor([[3.0, 0.0, 4.0]])
    assert_close(encoder(batch).vectors["speaker"], torch.tensor([[0.6, 0.0, 0.8]]))


@pytest.mark.parametrize(
    "conf, message", [({"num_mels": 0}, "mel spectrogram"), ({"exponent": 2.0}, "exponent is 2.0")]
)
def test_sizes_are_checked(conf, message):
    with pytest.raises(ValueError, match=message):
        MixtureSpectrumConfig(**conf)
