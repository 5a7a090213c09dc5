import pytest
import torch
from factories import TableCodec, make_conditions, make_frames, nano_laura_tse, take
from tse_system import write_codec

from espnet_tse.codec.load import load_codec
from espnet_tse.schema import Frames, Prediction, Streams
from espnet_tse.vocoder.fine_embedding import FineEmbeddingConfig, FineEmbeddingVocoder

SIZES = {"num_layers": 1, "width": 32, "num_heads": 2, "feedforward": 32}


@pytest.mark.parametrize("position, shortcuts", [("relative", False), ("rotary", False), ("rotary", True)])
@pytest.mark.parametrize("enrollment_lengths", [[5, 9], [9, 5]])
def test_estimate_does_not_depend_on_batch_padding(enrollment_lengths, position, shortcuts):
    vocoder = nano_laura_tse(position, shortcuts=shortcuts).vocoder
    separator = torch.ones(16)
    parts = (
        make_frames([6, 12]),
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


def test_an_untrained_residual_is_half_of_the_coarse_codes_and_half_of_the_mixture():
    vocoder = FineEmbeddingVocoder.from_config(FineEmbeddingConfig(residual=True, **SIZES), TableCodec())
    torch.nn.init.zeros_(vocoder.project.bias)
    mixture, coarse = make_frames([4], frame_rate=25.0), make_frames([4], frame_rate=25.0, seed=2)
    refined = vocoder.refine(make_conditions(mixture, make_frames([3], seed=1)), coarse, torch.zeros(16))
    torch.testing.assert_close(refined.values, (mixture.values + coarse.values) / 2)


def test_codes_of_another_rate_are_refused():
    vocoder = nano_laura_tse().vocoder
    conditions = make_conditions(make_frames([4]), make_frames([4]))
    with pytest.raises(ValueError, match="50.0 Hz but the codec decodes at 25.0"):
        vocoder.refine(conditions, make_frames([3], frame_rate=50.0), torch.zeros(16))


def filtering(tmp_path):
    codec = load_codec(write_codec(tmp_path / "codec"))
    vocoder = FineEmbeddingVocoder.from_config(FineEmbeddingConfig(synthesis="filter", **SIZES), codec)
    waveform = torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)) * 0.1
    lengths = torch.tensor([8000, 5000])
    conditions = make_conditions(
        make_frames([4, 4]), make_frames([4, 4]), mixture_waveform=waveform, mixture_num_samples=lengths
    )
    return codec, vocoder, conditions


def test_filtering_by_the_mixtures_own_embeddings_is_the_mixture(tmp_path):
    codec, vocoder, conditions = filtering(tmp_path)
    waveform, lengths = conditions.mixture_waveform, conditions.mixture_num_samples
    embeddings = codec.encode_latents(waveform, lengths)
    estimate = vocoder.synthesize(Prediction(Streams(embedding=embeddings)), conditions)
    torch.testing.assert_close(estimate[0], waveform[0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(estimate[1, :5000], waveform[1, :5000], atol=1e-4, rtol=1e-3)
    assert not estimate[1, 5000:].any()


def test_filtering_never_amplifies(tmp_path):
    codec, vocoder, conditions = filtering(tmp_path)
    latents = codec.encode_latents(conditions.mixture_waveform, conditions.mixture_num_samples)
    other = Frames(latents.values + torch.randn_like(latents.values), latents.lengths, latents.frame_rate)
    estimate = vocoder.synthesize(Prediction(Streams(embedding=other)), conditions)
    assert estimate[0].square().sum() < conditions.mixture_waveform[0].square().sum()


def test_filtering_wants_exact_frames_and_a_codec_that_draws_spectra(tmp_path):
    codec, vocoder, conditions = filtering(tmp_path)
    with pytest.raises(ValueError, match="length_mode exact"):
        vocoder.synthesize(
            Prediction(Streams(embedding=make_frames([3, 3], frame_rate=codec.frame_rate))), conditions
        )
    with pytest.raises(ValueError, match="synthesis: decode"):
        FineEmbeddingVocoder.from_config(FineEmbeddingConfig(synthesis="filter", **SIZES), TableCodec())
    with pytest.raises(ValueError, match="neither"):
        FineEmbeddingConfig(synthesis="magic")
