import math

import pytest
import torch
from factories import TableCodec, make_batch, nano_laura_tse, take_row

from espnet_tse.encoder.shared_transformer import SharedTransformerConfig, SharedTransformerEncoder
from espnet_tse.frontend.log_mel import LogMel, LogMelConfig
from espnet_tse.lm.decoder_only import DecoderOnlyConfig, DecoderOnlyLM
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEDecode
from espnet_tse.schema import CodecSpec
from espnet_tse.vocoder.fine_embedding import FineEmbeddingConfig, FineEmbeddingVocoder


def num_trainable(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def build(
    spec: CodecSpec, num_mels: int, layers: tuple[int, int, int], num_codebooks: int = 2, **sizes
) -> LauraTSE:
    codec = TableCodec(spec)
    encoder = SharedTransformerEncoder.from_config(
        SharedTransformerConfig(num_layers=layers[0], **sizes),
        LogMel(LogMelConfig(num_mels=num_mels)),
        spec.embedding_dim,
    )
    lm = DecoderOnlyLM.from_config(
        DecoderOnlyConfig(num_layers=layers[1], num_codebooks=num_codebooks, **sizes), codec.codebooks, spec
    )
    vocoder = FineEmbeddingVocoder.from_config(FineEmbeddingConfig(num_layers=layers[2], **sizes), codec)
    return LauraTSE(encoder, lm, vocoder)


@pytest.mark.parametrize(
    "num_codebooks, lm_size, total",
    [(1, 34749441, 76003969), (2, 35275266, 76529794), (3, 35801091, 77055619)],
)
def test_paper_size_has_exactly_the_published_parameters(num_codebooks, lm_size, total):
    model = build(CodecSpec(16000, 640, 4, 1024, 128), 128, (6, 10, 6), num_codebooks)
    assert num_trainable(model) == total
    assert num_trainable(model.lm.stack) + num_trainable(model.lm.head) == lm_size
    assert num_trainable(model.encoder.stack) == 20561408


def test_small_and_mini_sizes_are_the_specified_ones():
    small = build(
        CodecSpec(16000, 640, 4, 1024, 128), 128, (3, 6, 3), width=256, num_heads=4, feedforward=1024
    )
    assert num_trainable(small) == 10964866
    mini = build(CodecSpec(16000, 640, 4, 64, 32), 64, (2, 4, 2), width=128, num_heads=4, feedforward=512)
    assert num_trainable(mini) == 1762722
    assert num_trainable(nano_laura_tse()) == 164306


@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_loss_of_a_row_does_not_depend_on_its_batch(position):
    model = nano_laura_tse(position, truth_share=1.0)
    batch = make_batch([1.0, 0.5], [0.4, 0.9], model.codec)
    logits = model.lm(model.encoder(batch), batch.targets["acoustic"])
    for row in range(2):
        alone = take_row(batch, row)
        own = model.lm(model.encoder(alone), alone.targets["acoustic"])
        torch.testing.assert_close(logits[row, : own.size(1)], own[0], atol=1e-5, rtol=1e-5)
    # Statistics are means over frames, so a batch of one row twice equals the row.
    twice = make_batch([0.7, 0.7], [0.5, 0.5], model.codec)
    for name in ("mixture", "enrollment"):
        getattr(twice, name)[1] = getattr(twice, name)[0]
    twice.targets["acoustic"].values[1] = twice.targets["acoustic"].values[0]
    torch.testing.assert_close(model.loss(twice)[0], model.loss(take_row(twice, 0))[0], atol=1e-5, rtol=1e-5)


def gradient_of(model, truth_share):
    batch = make_batch([0.6, 0.4], [0.4, 0.4], model.codec)
    conditions = model.encoder(batch)
    logits = model.lm(conditions, batch.targets["acoustic"])
    from espnet_tse.lm.token_mixing import mix_tokens
    from espnet_tse.loss.embedding_regression import embedding_regression

    streams = batch.targets["acoustic"].values[:, :2].transpose(1, 2)
    mixed = mix_tokens(logits[:, :-1, :, :-1], streams, truth_share)
    target = model.codec.embed(batch.targets["acoustic"])
    coarse = model.coarse_embeddings(mixed, target)
    embedding_regression(model.vocoder.refine(conditions, coarse, model.lm.separator), target).backward()
    gradient = model.lm.head.weight.grad
    return 0.0 if gradient is None else float(gradient.abs().sum())


def test_regression_reaches_the_lm_only_through_predicted_tokens():
    assert gradient_of(nano_laura_tse(), truth_share=1.0) == 0.0
    assert gradient_of(nano_laura_tse(), truth_share=0.0) > 0.0


def test_the_codec_is_frozen_and_stays_out_of_the_checkpoint():
    model = nano_laura_tse().train()
    before = {name: value.clone() for name, value in model.codec.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    loss, stats, weight = model(**espnet_data(model))
    loss.backward()
    optimizer.step()
    assert not model.codec.training and all(p.grad is None for p in model.codec.parameters())
    for name, value in model.codec.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)
    state = model.state_dict()
    assert not any("codec" in name for name in state)
    other = nano_laura_tse()
    other.load_state_dict(state)
    torch.testing.assert_close(other.lm.head.weight, model.lm.head.weight)
    assert set(stats) >= {"loss", "loss_ce", "loss_reg", "acc_1", "acc_2"}
    seconds = espnet_data(model)["speech_mix_lengths"].sum() / model.sample_rate
    assert float(weight) == pytest.approx(float(seconds))


def espnet_data(model):
    batch = make_batch([0.6, 0.4], [0.4, 0.3], model.codec)
    return {
        "speech_mix": batch.mixture,
        "speech_mix_lengths": batch.mixture_lengths,
        "enroll_ref1": batch.enrollment,
        "enroll_ref1_lengths": batch.enrollment_lengths,
        "target_acoustic": batch.targets["acoustic"].values,
        "target_acoustic_lengths": batch.targets["acoustic"].lengths,
        "target_acoustic_rate": torch.tensor([25.0]),
    }


def test_untrained_cross_entropy_is_about_that_of_a_uniform_guess():
    model = nano_laura_tse()
    _, stats = model.loss(make_batch([2.0, 1.5], [1.0, 1.0], model.codec))
    assert stats["loss_ce"].item() == pytest.approx(math.log(33), rel=0.15)


def test_missing_codes_say_which_option_gives_them():
    model = nano_laura_tse()
    batch = make_batch([0.5], [0.5], model.codec)
    batch.targets.clear()
    with pytest.raises(ValueError, match="--train_tokens"):
        model.loss(batch)


@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_extraction_has_the_mixtures_length_and_level_alone_and_in_a_batch(position):
    model = nano_laura_tse(position)
    batch = make_batch([1.01, 0.5], [0.4, 0.9], model.codec)
    conf = LauraTSEDecode()
    together = model.extract(batch, conf)
    assert together.waveform.shape == batch.mixture.shape
    for row in range(2):
        alone = model.extract(take_row(batch, row), conf)
        length = int(batch.mixture_lengths[row])
        torch.testing.assert_close(together.waveform[row, :length], alone.waveform[0], atol=1e-4, rtol=1e-3)
        assert not together.waveform[row, length:].any()
        mixture_rms = batch.mixture[row, :length].square().mean().sqrt()
        torch.testing.assert_close(
            alone.waveform[0].square().mean().sqrt(), mixture_rms, atol=1e-3, rtol=1e-2
        )


def test_another_enrollment_gives_another_estimate():
    model = nano_laura_tse()
    batch = make_batch([0.8], [0.5], model.codec)
    first = model.extract(batch).waveform
    batch.enrollment = make_batch([0.8], [0.5], model.codec, seed=5).enrollment
    assert not torch.allclose(first, model.extract(batch).waveform)


@pytest.mark.parametrize("seconds", [0.02, 0.3, 2.0, 2.01, 7.0])
def test_long_mixtures_are_chunked_to_their_exact_length(seconds):
    model = nano_laura_tse()
    batch = make_batch([seconds], [0.5], model.codec)
    estimate = model.extract(batch, LauraTSEDecode(max_chunk_s=2.0, overlap_s=0.5))
    assert estimate.waveform.shape == batch.mixture.shape
    assert torch.isfinite(estimate.waveform).all() and estimate.waveform.abs().max() > 0


def test_an_end_in_the_first_step_gives_silence_instead_of_a_crash():
    model = nano_laura_tse()
    with torch.no_grad():
        model.lm.head.bias.view(2, 33)[:, 32] = 1e4
    estimate = model.extract(
        make_batch([0.5, 0.7], [0.5, 0.5], model.codec), LauraTSEDecode(length_mode="eos")
    )
    assert not estimate.waveform.any() and estimate.prediction.streams["acoustic"].lengths.tolist() == [0, 0]


def test_a_silent_mixture_stays_finite():
    model = nano_laura_tse()
    batch = make_batch([0.5], [0.5], model.codec)
    batch.mixture.zero_()
    assert torch.isfinite(model.extract(batch).waveform).all()


def test_wrong_sample_rate_and_empty_rows_are_refused():
    model = nano_laura_tse()
    batch = make_batch([0.5], [0.5], model.codec)
    batch.sample_rate = 8000
    with pytest.raises(ValueError, match="16000 Hz"):
        model.extract(batch)
    batch.sample_rate, batch.mixture_lengths = 16000, torch.tensor([0])
    with pytest.raises(ValueError, match="empty"):
        model.extract(batch)
