"""Both stages of Mask2Flow-TSE."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from factories import Second
from nano_mask2flow import PARTS

from espnet_tse.flow.mel_flow import MelFlow, MelFlowConfig, MelFlowDecode
from espnet_tse.io.scp import DataError
from espnet_tse.models.mask2flow import Mask2Flow
from espnet_tse.schema import DecodeConf, TSEBatch
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.decode_settings import read_decode_settings

CONF = Path(__file__).resolve().parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf"


def new_model(name: str, **conf):
    torch.manual_seed(0)
    return build_model({**PARTS, "model": name, "model_conf": conf})


def batch(seconds: float = 0.25) -> TSEBatch:
    generator = torch.Generator().manual_seed(0)
    number = int(16000 * seconds)
    mixture = torch.randn(2, number, generator=generator) * 0.1
    lengths = torch.tensor([number, number * 3 // 4])
    mixture[1, lengths[1] :] = 0.0
    target = mixture * torch.linspace(0, 1, number)
    enrollment = torch.randn(2, 3000, generator=generator)
    return TSEBatch(
        *(mixture, lengths, enrollment, torch.tensor([3000, 2000])),
        target=target,
        speaker=torch.tensor([0, 2]),
        sample_rate=16000,
        keys=["a", "b"],
    )


def state_hash(module) -> str:
    values = [value.detach().numpy().tobytes() for value in module.state_dict().values()]
    return hashlib.sha256(b"".join(values)).hexdigest()


def learn(model, steps: int) -> list[float]:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(steps):
        loss, _ = model.loss(batch())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_mask_learns_and_makes_a_waveform():
    model = new_model("mel_mask", num_speakers=3)
    before = model.eval().loss(batch())[1]
    learn(model.train(), 30)
    _, after = model.eval().loss(batch())
    assert set(after) == {"mse_masked", "mse_mixture", "loss_speaker"}
    assert after["mse_masked"] < 0.8 * before["mse_masked"] and after["loss_speaker"] < before["loss_speaker"]
    assert after["mse_mixture"] == before["mse_mixture"]
    estimate = model.extract(batch(), DecodeConf())
    assert estimate.waveform.shape == (2, 4000) and estimate.num_function_evaluations == 1
    assert estimate.waveform[1].any() and not estimate.waveform[1, 3000:].any()


def test_the_weight_of_the_speakers_may_be_zero():
    model = new_model("mel_mask", speaker_weight=0.0)
    loss, stats = model.loss(batch())
    assert torch.equal(loss, stats["mse_masked"]) and "loss_speaker" not in stats


def test_an_untrained_flow_returns_what_the_mask_leaves():
    model = new_model("mask2flow").eval()
    loss, stats = model.loss(batch())
    torch.testing.assert_close(loss, stats["mse_masked"])
    torch.testing.assert_close(stats["mse_one_step"], stats["mse_masked"])
    mask = build_model({**PARTS, "model": "mel_mask"}).eval()
    mask.encoder.load_state_dict(model.encoder.state_dict())
    torch.testing.assert_close(
        model.extract(batch(), MelFlowDecode()).waveform, mask.extract(batch(), DecodeConf()).waveform
    )


def test_the_flow_learns_and_the_first_stage_stays_as_it_is():
    model = new_model("mask2flow").train()
    before = state_hash(model.encoder)
    losses = learn(model, 30)
    assert min(losses[-5:]) < 0.7 * losses[0] and state_hash(model.encoder) == before
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    _, stats = model.eval().loss(batch())
    assert stats["mse_one_step"] < 0.8 * stats["mse_masked"]


def test_two_extractions_are_equal_and_a_batch_is_as_its_rows():
    model = new_model("mask2flow").eval()
    for parameter in model.lm.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    first, second = (model.extract(batch(), MelFlowDecode(steps=2)) for _ in range(2))
    assert torch.equal(first.waveform, second.waveform) and first.num_function_evaluations == 2
    row = model.extract(batch().rows(torch.tensor([1])), MelFlowDecode(steps=2)).waveform[0, :3000]
    torch.testing.assert_close(first.waveform[1, :3000], row, rtol=1e-3, atol=1e-4)


def test_a_flow_that_starts_as_noise_has_candidates():
    model = new_model("mask2flow").eval()
    model.lm = MelFlow(MelFlowConfig(1, 16, 2, 24, start="noise", hears_mixture=True), 20, 4).eval()
    kept = model.extract(batch(), MelFlowDecode(candidates=2), selector=Second())
    single = model.extract(replace(batch(), keys=["a#1", "b#1"]), MelFlowDecode())
    torch.testing.assert_close(kept.waveform, single.waveform, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(single.waveform, model.extract(batch(), MelFlowDecode()).waveform)


def test_settings_are_checked_against_the_flow():
    conf = MelFlowDecode(candidates=2, guidance=2.0)
    assert len(Mask2Flow.faults_of_decoding(conf, {"lm": MelFlowConfig(drop_speaker=0.0)})) == 2
    noise = MelFlowConfig(start="noise", hears_mixture=True)
    assert Mask2Flow.faults_of_decoding(conf, {"lm": noise}) == Mask2Flow.faults_of_decoding(conf, {}) == []


def test_silence_becomes_silence():
    model, silent = new_model("mask2flow").eval(), batch()
    silent.mixture = torch.zeros_like(silent.mixture)
    waveform = model.extract(silent, MelFlowDecode()).waveform
    assert waveform.isfinite().all() and not waveform.any()


@pytest.mark.parametrize("name", ["mel_mask", "mask2flow"])
def test_a_batch_without_targets_is_an_error(name):
    without = batch()
    without.target = None
    with pytest.raises(DataError, match="learns from targets"):
        new_model(name).loss(without)


def test_other_encoders_and_vocoders_do_not_fit():
    with pytest.raises(
        ValueError, match="--encoder adapter does not fit this model; take one of: masked_mel_conv"
    ):
        build_model({**PARTS, "encoder": "adapter", "encoder_conf": {}, "model": "mask2flow"})
    with pytest.raises(ValueError, match="--vocoder codec_decoder does not fit"):
        build_model({**PARTS, "vocoder": "codec_decoder", "model": "mel_mask"})


def test_the_decoding_of_the_template_fits():
    assert read_decode_settings(str(CONF / "decode_flow_8.yaml"), Mask2Flow).steps == 8
