"""Flows of one step on spectra, as systems."""

import pytest
import torch
from factories import make_batch, take_row
from nano_flow_tse import SYSTEMS, parts

from espnet_tse.flow.spectral_flow import SpectralFlowDecode
from espnet_tse.io.scp import DataError
from espnet_tse.models.flow_tse import FlowTSE
from espnet_tse.schema import Frames, Prediction, Streams, TSEBatch
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.choices import configs_of
from espnet_tse.tasks.decode_settings import check_for_system, decode_settings


def new_model(system: str, **changes) -> FlowTSE:
    torch.manual_seed(0)
    return build_model({**parts(system), "model_conf": {"num_speakers": 3}, **changes})


def shaken(model: FlowTSE) -> FlowTSE:
    torch.manual_seed(1)
    for parameter in model.lm.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def batch(seconds=(0.25, 0.2)) -> TSEBatch:
    """Two tones and noise; the target is the tones."""
    made = make_batch(list(seconds), [0.2, 0.25], None)
    time = torch.arange(made.mixture.size(1)) / 16000
    tones = 0.1 * torch.stack([(2 * torch.pi * pitch * time).sin() for pitch in (1000, 2500)])
    tones[1, made.mixture_lengths[1] :] = 0.0
    made.mixture, made.target = made.mixture + tones, tones
    return made


def learn(model: FlowTSE, given: TSEBatch, steps: int) -> list[float]:
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=3e-3), []
    torch.manual_seed(0)
    for _ in range(steps):
        loss, _ = model.loss(given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_learns_and_one_step_comes_nearer_than_the_mixture(system):
    model = new_model(system)
    before = model.eval().loss(batch())[0].item()
    learn(model.train(), batch(), 60)
    loss, stats = model.eval().loss(batch())
    assert loss < 0.9 * before and stats["mse_one_step"] < 0.7 * stats["mse_mixture"]
    assert "loss_speaker" in stats and ("mae_ratio" in stats) == (system != "alpha")
    if system != "alpha":
        assert stats["mae_ratio"] < 0.1
    estimate = model.extract(batch())
    assert estimate.num_function_evaluations == 1 and estimate.waveform.shape == (2, 4000)


@pytest.mark.parametrize("system", SYSTEMS)
def test_validation_repeats_itself(system):
    model = shaken(new_model(system))
    first, second = model.loss(batch())[0], model.loss(batch())[0]
    assert torch.equal(first, second)


@pytest.mark.parametrize("system", SYSTEMS)
def test_two_extractions_are_equal_and_a_batch_is_as_its_rows(system):
    model, conf = shaken(new_model(system)), SpectralFlowDecode(steps=4)
    first, second = (model.extract(batch(), conf) for _ in range(2))
    assert torch.equal(first.waveform, second.waveform) and first.num_function_evaluations == 4
    alone = model.extract(take_row(batch(), 1), conf).waveform[0]
    torch.testing.assert_close(first.waveform[1, :3200], alone, rtol=1e-3, atol=1e-5)
    assert not first.waveform[1, 3200:].any()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("number", [1, 100, 4001, 16000])
def test_mixtures_of_any_length_are_extracted(system, number):
    model = shaken(new_model(system))
    given = make_batch([number / 16000], [0.2], None)
    conf = SpectralFlowDecode(max_chunk_s=0.5, overlap_s=0.1)
    waveform = model.extract(given, conf).waveform
    assert waveform.shape == (1, number) and waveform.isfinite().all()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_absent_targets_and_mixtures_of_the_target_alone_are_learned_from(system, share):
    model, given = new_model(system).train(), batch()
    given.target = share * given.mixture
    losses = learn(model, given, 3)
    assert torch.tensor(losses).isfinite().all()
    loss, stats = model.eval().loss(given)
    assert loss.isfinite() and all(value.isfinite() for value in stats.values())
    if system != "alpha":
        assert torch.equal(model.ends(given, model.conditions(given)).begin, torch.full((2,), share))


@pytest.mark.parametrize("system", SYSTEMS)
def test_silence_becomes_silence(system):
    model, silent = shaken(new_model(system)), batch()
    silent.mixture = torch.zeros_like(silent.mixture)
    waveform = model.extract(silent).waveform
    assert waveform.isfinite().all()


def test_the_ends_of_the_background_path_meet_in_the_mixture():
    model, given = new_model("mean"), batch()
    conditions = model.conditions(given)
    ends = model.ends(given, conditions)
    begin = ends.begin[:, None, None]
    there = (1 - begin) * ends.start + begin * ends.end
    level = (
        there.square().mean(dim=(1, 2)).sqrt()
        / conditions.streams["mixture"].values.square().mean(dim=(1, 2)).sqrt()
    )
    mixture = conditions.streams["mixture"].values * level[:, None, None]
    torch.testing.assert_close(there, mixture, rtol=1e-3, atol=1e-4)
    # Parts of one level; where decoding ends, the target is at its level in the mixture.
    restored = ends.end * (ends.begin / level)[:, None, None]
    torch.testing.assert_close(restored, model.encoder.target(given).values, rtol=1e-3, atol=1e-4)


def truth(given: TSEBatch) -> Prediction:
    return Prediction(Streams(target=Frames(given.target[..., None], given.mixture_lengths, 16000)))


def test_an_oracle_ratio_is_that_of_each_chunk():
    model, given = shaken(new_model("ad")), batch((0.5, 0.5))
    conf = SpectralFlowDecode(ratio="oracle", max_chunk_s=0.3, overlap_s=0.1)
    seen, begin = [], model.lm.begin
    model.lm.begin = lambda *args: seen.append(begin(*args)) or seen[-1]
    given.target[:, 3000:] = 0.0
    waveform = model.extract(given, conf, given=truth(given)).waveform
    assert waveform.shape == (2, 8000) and waveform.isfinite().all()
    assert all(found[0] > 0.2 and found[-1] == 0.0 for found in seen)  # the last chunk has no target


def test_settings_are_checked_against_the_system():
    background, mixture = (configs_of(parts(system)) for system in ("mean", "alpha"))
    oracle = decode_settings(FlowTSE, {"ratio": "oracle"})
    assert check_for_system(oracle, FlowTSE, background, "x.yaml") == [] and oracle.wants_truth
    with pytest.raises(DataError, match="x.yaml: ratio: oracle is for path: background"):
        check_for_system(oracle, FlowTSE, mixture, "x.yaml")
    with pytest.raises(DataError, match="x.yaml: solver: midpoint is for objective: velocity"):
        check_for_system(decode_settings(FlowTSE, {"solver": "midpoint"}), FlowTSE, background, "x.yaml")
    with pytest.raises(DataError, match="candidates: 2 would all be the same"):
        decode_settings(FlowTSE, {"candidates": 2})


def test_a_batch_without_targets_is_an_error():
    without = batch()
    without.target = None
    with pytest.raises(DataError, match="learns from targets"):
        new_model("ad").loss(without)


def test_compressed_spectra_want_the_path_from_the_mixture():
    conf = {"encoder_conf": {**parts("ad")["encoder_conf"], "exponent": 0.5}}
    with pytest.raises(ValueError, match="exponent: 0.5.*take path: mixture"):
        new_model("ad", **conf)
    learn(new_model("alpha", **conf).train(), batch(), 1)


def test_other_parts_do_not_fit():
    with pytest.raises(
        ValueError, match="--vocoder mixture_phase does not fit this model; take one of: inverse_stft"
    ):
        new_model("ad", vocoder="mixture_phase")


def test_the_weight_of_the_speakers_may_be_zero():
    _, stats = new_model("alpha", model_conf={"speaker_weight": 0.0}).loss(batch())
    assert "loss_speaker" not in stats
    with pytest.raises(ValueError, match="speaker_weight is -1"):
        new_model("alpha", model_conf={"speaker_weight": -1})
    with pytest.raises(ValueError, match="num_speakers is -1, want 1 or more"):
        new_model("ad", model_conf={"num_speakers": -1})


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_row_of_one_chunk_beside_one_of_several(system):
    """With the padding of the longer one."""
    model, rows = shaken(new_model(system)), batch((0.25, 0.1))
    conf = SpectralFlowDecode(max_chunk_s=0.1, overlap_s=0.01)
    both = model.extract(rows, conf).waveform
    alone = model.extract(take_row(rows, 1), conf).waveform
    torch.testing.assert_close(both[1:, :1600], alone[:, :1600], atol=1e-5, rtol=1e-4)
    assert both[1].any() and not both[1, 1600:].any()
