"""LauraTSE of the parts made for short trainings, on a codec that draws spectra."""

import pytest
import torch
from factories import make_batch, take_row
from tse_system import write_codec

from espnet_tse.codec.load import load_codec
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEConfig, LauraTSEDecode
from espnet_tse.tasks.choices import (
    encoder_choices,
    frontend_choices,
    lm_choices,
    model_choices,
    vocoder_choices,
)

LM = {"num_layers": 1, "width": 32, "num_heads": 2, "feedforward": 64, "position": "rotary"}


@pytest.fixture
def model(tmp_path) -> LauraTSE:
    """shared_convnext on codec_latent, conv_embedding, synthesis by filtering; fixed weights, eval mode."""
    codec = load_codec(write_codec(tmp_path / "codec"))
    torch.manual_seed(0)
    encoder = encoder_choices.build(
        "shared_convnext",
        {"channels": 16, "num_blocks": 1},
        frontend=frontend_choices.build("codec_latent", {}, codec=codec),
        output_dim=codec.spec.embedding_dim,
    )
    added = {"add_mixture": True, "add_enrollment": True, "history_dropout": 1.0}
    lm = lm_choices.build("decoder_only", {**LM, **added}, codebooks=codec.codebooks, spec=codec.spec)
    sizes = {"channels": 16, "num_blocks": 2, "synthesis": "filter"}
    vocoder = vocoder_choices.build("conv_embedding", sizes, codec=codec)
    return model_choices.build("laura_tse", {}, encoder=encoder, lm=lm, vocoder=vocoder).eval()


def espnet_data(batch) -> dict[str, torch.Tensor]:
    return {
        "speech_mix": batch.mixture,
        "speech_mix_lengths": batch.mixture_lengths,
        "enroll_ref1": batch.enrollment,
        "enroll_ref1_lengths": batch.enrollment_lengths,
        "target_acoustic": batch.targets["acoustic"].values,
        "target_acoustic_lengths": batch.targets["acoustic"].lengths,
        "target_acoustic_rate": torch.tensor([batch.targets["acoustic"].frame_rate]),
    }


def test_two_training_steps_lower_the_loss_and_leave_the_codec_alone(model):
    data = espnet_data(make_batch([0.6, 0.4], [0.4, 0.3], model.codec))
    codec_before = {name: value.clone() for name, value in model.codec.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    before, stats, _ = model(**data)
    assert {"loss_ce", "loss_reg", "loss_reg_predicted", "loss_reg_truth"} <= set(stats)
    model.train()
    for _ in range(2):
        optimizer.zero_grad()
        model(**data)[0].backward()
        optimizer.step()
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    after = model.eval()(**data)[0]
    assert float(after.detach()) < float(before.detach())
    for name, value in model.codec.state_dict().items():
        assert torch.equal(value, codec_before[name])


def test_every_trained_part_learns(model):
    data = espnet_data(make_batch([0.6, 0.4], [0.4, 0.3], model.codec))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    # The refiner's last layer starts at zero, so what lies behind it has a gradient after one step.
    for _ in range(2):
        optimizer.zero_grad()
        model(**data)[0].backward()
        optimizer.step()
    for part in (model.encoder.stack, model.lm.head, model.vocoder.stack):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert not any("codec." in name for name in model.state_dict())


def test_extraction_has_the_mixtures_length_and_level_alone_and_in_a_batch(model):
    batch = make_batch([1.01, 0.5], [0.4, 0.9], model.codec)
    together = model.extract(batch)
    assert together.waveform.shape == batch.mixture.shape
    for row in range(2):
        length = int(batch.mixture_lengths[row])
        alone = model.extract(take_row(batch, row))
        torch.testing.assert_close(together.waveform[row, :length], alone.waveform[0], atol=1e-4, rtol=1e-3)
        assert not together.waveform[row, length:].any()
        level = alone.waveform[0].square().mean().sqrt()
        mixture_rms = batch.mixture[row, :length].square().mean().sqrt()
        torch.testing.assert_close(level, mixture_rms, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("seconds", [0.01, 2.0, 5.3])
def test_chunks_are_filtered_to_the_mixtures_exact_length(model, seconds):
    batch = make_batch([seconds], [0.5], model.codec)
    estimate = model.extract(batch, LauraTSEDecode(max_chunk_s=2.0, overlap_s=0.5))
    assert estimate.waveform.shape == batch.mixture.shape
    assert torch.isfinite(estimate.waveform).all() and estimate.waveform.abs().max() > 0


def test_filtering_refuses_targets_of_another_length_than_the_mixture(model):
    with torch.no_grad():
        model.lm.head.bias.view(-1, 17)[:, 16] = -1e4  # never an end: two frames too many
    with pytest.raises(ValueError, match="length_mode exact"):
        model.extract(make_batch([0.5], [0.5], model.codec), LauraTSEDecode(length_mode="bounded"))


def with_spectrum(model, **config) -> LauraTSE:
    return LauraTSE(model.encoder, model.lm, model.vocoder, LauraTSEConfig(spectrum_weight=4.0, **config))


def test_the_filtered_spectrum_joins_the_loss_and_wants_a_target(model):
    batch = make_batch([0.6, 0.4], [0.4, 0.3], model.codec)
    model = with_spectrum(model, code_weight=0.1, regression_weight=0.0).eval()
    with pytest.raises(ValueError, match="spectrum_weight wants the target's waveform"):
        model(**espnet_data(batch))
    loss, stats, _ = model(
        **espnet_data(batch), speech_ref1=0.5 * batch.mixture, speech_ref1_lengths=batch.mixture_lengths
    )
    torch.testing.assert_close(loss, 0.1 * stats["loss_ce"] + 4.0 * stats["loss_spectrum"])


def test_what_the_codec_draws_joins_the_loss_where_nothing_is_filtered(model):
    model.vocoder.synthesis = "decode"
    batch = make_batch([0.6, 0.4], [0.4, 0.3], model.codec)
    model = with_spectrum(model, code_weight=0.1, regression_weight=0.0).eval()
    signals = dict(speech_ref1=0.5 * batch.mixture, speech_ref1_lengths=batch.mixture_lengths)
    loss, stats, _ = model(**espnet_data(batch), **signals)
    torch.testing.assert_close(loss, 0.1 * stats["loss_ce"] + 4.0 * stats["loss_spectrum"])
    other = model(**espnet_data(batch), **{**signals, "speech_ref1": batch.mixture.flip(1)})[1]
    assert other["loss_spectrum"] != stats["loss_spectrum"]


def test_a_spectrum_in_the_loss_wants_a_codec_that_draws_one(model, monkeypatch):
    monkeypatch.setattr(type(model.codec), "draws_spectrum", False)
    with pytest.raises(ValueError, match="spectrum_weight is for codecs that draw spectra"):
        with_spectrum(model)


def test_bfloat16_on_a_cpu_is_near_float32_and_not_the_same(model):
    data = espnet_data(make_batch([0.6, 0.4], [0.4, 0.3], model.codec))
    exact = model(**data)[0]
    with torch.autocast("cpu", torch.bfloat16):  # as the trainer does where use_amp is set
        coarse = model(**data)[0]
    assert not torch.equal(exact, coarse)
    torch.testing.assert_close(exact, coarse.float(), atol=0.05, rtol=0.05)


def test_a_higher_power_of_the_mask_lets_less_through(model):
    batch = make_batch([0.6], [0.4], model.codec)
    energy = []
    for power in (0.5, 1.0, 2.0):
        model.vocoder.filter_power = power
        energy.append(float(model.extract(batch, LauraTSEDecode(level="none")).waveform.square().sum()))
    assert energy[0] > energy[1] > energy[2] > 0
