"""DPM-TSE and Diff-TSE: an oracle leads to the target, rows are their own, and an ensemble is a mean."""

from dataclasses import replace

import pytest
import torch
from factories import make_batch, take_row
from nano_diffusion_tse import PARTS, nano_diffusion_tse

from espnet_tse.flow.map_diffusion import MapDiffusionConfig, MapDiffusionDecode
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.diffusion_tse import DiffTSE
from espnet_tse.schema import TSEBatch
from espnet_tse.tasks.choices import configs_of
from espnet_tse.tasks.decode_settings import check_for_system, decode_settings

SYSTEMS = sorted(PARTS)
QUICK = MapDiffusionDecode(steps=2, level="none")
SAMPLINGS = [{}, {"eta": 1.0}, {"sampler": "dpm_solver", "steps": 3}]


def batch(seconds=(0.2, 0.15)) -> TSEBatch:
    return make_batch(list(seconds), [0.2, 0.25][: len(seconds)], None)


def expected(model, given: TSEBatch) -> torch.Tensor:
    """What a system makes of the target's own maps."""
    if isinstance(model, DiffTSE):
        return given.target
    return model.vocoder.synthesize(
        type("Known", (), {"streams": {"mel": model.encoder.target(given)}}), model.conditions(given)
    )


@pytest.mark.parametrize("steps", [1, 3, 50])
@pytest.mark.parametrize(
    "sampling", [{"eta": 0.0}, {"eta": 1.0}, {"sampler": "dpm_solver"}], ids=["ddim", "ancestral", "dpm"]
)
@pytest.mark.parametrize("output", ["velocity", "data"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_network_that_knows_the_target_leads_to_it(monkeypatch, system, output, sampling, steps):
    conf = {"lm_conf": {**PARTS[system]["lm_conf"], "output": output}}
    model, given = nano_diffusion_tse(system, **conf), batch()
    known, lm = model.lm.normalised(model.encoder.target(given).values), model.lm

    def network(conditions):
        def true(state, steps):
            rates = lm.schedule.at(steps, state)
            return known if output == "data" else (rates.signal * state - known) / rates.noise

        return true

    monkeypatch.setattr(lm, "network", network)
    estimate = model.extract(given, replace(QUICK, steps=steps, **sampling))
    with torch.no_grad():
        wanted = expected(model, given)
    for row, length in enumerate(given.mixture_lengths.tolist()):
        torch.testing.assert_close(
            estimate.waveform[row, :length], wanted[row, :length], atol=2e-4, rtol=1e-3
        )
    assert estimate.num_function_evaluations == steps


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_row_is_the_same_in_any_batch_and_two_extractions_are_equal(system, sampling):
    model, given, conf = nano_diffusion_tse(system), batch(), replace(QUICK, **sampling)
    both = model.extract(given, conf).waveform
    torch.manual_seed(5)
    assert torch.equal(model.extract(given, conf).waveform, both)
    for row, length in enumerate(given.mixture_lengths.tolist()):
        alone = model.extract(take_row(given, row), conf).waveform[0]
        torch.testing.assert_close(both[row, :length], alone, atol=1e-5, rtol=1e-3)
        assert both[row, :length].any() and not both[row, length:].any()


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_hears_mixture_enrollment_and_seed(system):
    model, given, other = nano_diffusion_tse(system), batch(), make_batch([0.2, 0.15], [0.2, 0.25], None, 1)
    usual = model.extract(given, QUICK).waveform
    for changed in (
        replace(given, mixture=other.mixture),
        replace(given, enrollment=other.enrollment),
        replace(given, keys=["c", "d"]),
    ):
        assert not torch.allclose(model.extract(changed, QUICK).waveform, usual, atol=1e-5)
    assert not torch.allclose(model.extract(given, replace(QUICK, seed=1)).waveform, usual, atol=1e-5)


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_ensemble_is_the_mean_of_single_runs_with_their_keys(system):
    model, given = nano_diffusion_tse(system), batch()
    runs = [
        model.extract(replace(given, keys=[f"{key}#{n}" for key in given.keys]), QUICK).prediction.streams
        for n in range(3)
    ]
    values = [run[model.lm.stream].values for run in runs]
    assert not torch.allclose(values[0], values[1], atol=1e-4)
    found = model.extract(given, replace(QUICK, ensemble=3))
    mean = found.prediction.streams[model.lm.stream]
    torch.testing.assert_close(mean.values, sum(values) / 3, atol=1e-4, rtol=1e-3)
    waveform = model.vocoder.synthesize(found.prediction, model.conditions(given))
    for row, length in enumerate(given.mixture_lengths.tolist()):
        torch.testing.assert_close(found.waveform[row, :length], waveform[row, :length])
    assert found.num_function_evaluations == 3 * QUICK.steps


def test_an_ensemble_is_nearer_to_the_mean_than_its_draws():
    """Of draws around the truth: what they differ by is divided by their number."""
    model, given = nano_diffusion_tse("diff_tse"), batch((0.2,))
    known = model.lm.normalised(model.encoder.target(given).values)

    # At the last step v = -x_0; a share of the noise stays in it, another one in each draw.
    model.lm.network = lambda conditions: lambda state, steps: -(known + 0.05 * state)
    errors = []
    for number in (1, 16):
        conf = replace(QUICK, steps=1, ensemble=number)
        errors.append((model.extract(given, conf).waveform - given.target).square().mean())
    assert errors[1] < 0.1 * errors[0]


def test_candidates_may_be_ensembles_and_conditions_are_computed_once():
    class First(AbsSelector):
        def scores(self, estimate, batch):
            self.keys = batch.keys
            return torch.zeros(len(batch.keys))

    model, given, calls, keys, selector = nano_diffusion_tse("diff_tse"), batch(), [], [], First()
    forward, states = model.encoder.forward, model.lm.states
    model.encoder.forward = lambda batch: calls.append(len(batch.keys)) or forward(batch)
    model.lm.states = lambda conditions, request: keys.extend(request.keys) or states(conditions, request)
    model.extract(given, replace(QUICK, ensemble=2, candidates=2), selector=selector)
    assert calls == [2] and selector.keys == ["utt0#0", "utt0#1", "utt1#0", "utt1#1"]
    assert keys[:4] == ["utt0#0#0", "utt0#0#1", "utt0#1#0", "utt0#1#1"] and len(keys) == 8


@pytest.mark.parametrize("system", SYSTEMS)
def test_chunks_of_a_long_mixture(system):
    model, given = nano_diffusion_tse(system), batch((0.5, 0.1))
    conf = replace(QUICK, max_chunk_s=0.2, overlap_s=0.02, ensemble=2)
    both = model.extract(given, conf).waveform
    alone = model.extract(take_row(given, 1), conf).waveform
    torch.testing.assert_close(both[1:, :1600], alone, atol=1e-5, rtol=1e-3)
    assert both.shape == (2, 8000) and both.isfinite().all()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("number", [1, 100, 1601])
def test_short_and_silent_mixtures(system, number):
    model, given = nano_diffusion_tse(system), make_batch([number / 16000], [0.1], None)
    for mixture in (given.mixture, torch.zeros_like(given.mixture)):
        waveform = model.extract(replace(given, mixture=mixture), QUICK).waveform
        assert waveform.shape == (1, number) and waveform.isfinite().all()


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_learns_and_validation_repeats_itself(system):
    model, given = nano_diffusion_tse(system), batch((0.05, 0.05))
    before, stats = model.loss(given)
    assert set(stats) == {"loss_speaker", "mse_one_step", "mse_mixture"}
    assert torch.equal(model.loss(given)[0], before)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    torch.manual_seed(0)
    for _ in range(25):
        loss, stats = model.train().loss(given)
        optimizer.zero_grad()
        loss.backward()
        lacking = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
        optimizer.step()
    assert not lacking and set(stats) == {"loss_speaker"}
    after, stats_after = model.eval().loss(given)
    assert after < 0.8 * before
    assert stats_after["mse_one_step"] < model.encoder.target(given).values.square().mean()


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_loss_does_not_see_padding(system):
    model, given = nano_diffusion_tse(system), batch()
    loss, stats = model.loss(given)
    for signal, length in ((given.mixture, 2400), (given.target, 2400)):
        signal[1, length:] = 1.0
    given.enrollment[0, 3200:] = 1.0
    found, found_stats = model.loss(given)
    torch.testing.assert_close(found, loss)
    torch.testing.assert_close(found_stats, stats)


def test_the_weights_of_the_vocoder_are_in_no_checkpoint():
    assert not any("vocoder" in name for name in nano_diffusion_tse("dpm_tse").state_dict())


def test_a_batch_without_targets_is_an_error():
    with pytest.raises(DataError, match="learns from targets"):
        nano_diffusion_tse("diff_tse").loss(replace(batch(), target=None))


@pytest.mark.parametrize(
    "system, changes, message",
    [
        ("diff_tse", {"vocoder": "mel_vocoder"}, "take one of: inverse_stft"),
        ("diff_tse", {"encoder": "mixture_mel", "encoder_conf": {}}, "take one of: mixture_spectrum"),
        ("dpm_tse", {"encoder": "masked_mel_lstm", "encoder_conf": {}}, "take one of: mixture_mel$"),
        ("dpm_tse", {"vocoder": "mixture_phase"}, "take one of: mel_vocoder"),
        ("dpm_tse", {"lm": "latent_diffusion", "lm_conf": {}}, "take one of: map_diffusion"),
        (
            "diff_tse",
            {"encoder_conf": {"n_fft": 64, "hop_length": 32}},
            "gives 33 bins, want a multiple of 2",
        ),
        ("dpm_tse", {"encoder_conf": {"num_mels": 21}}, "gives 21 bins, want a multiple of 2"),
        ("dpm_tse", {"encoder_conf": {"num_mels": 30}}, "the vocoder under tokenizers: mel was trained on"),
    ],
)
def test_parts_that_do_not_fit(system, changes, message):
    with pytest.raises(ValueError, match=message):
        nano_diffusion_tse(system, **changes)


def test_settings_are_checked_against_the_system():
    configs = configs_of(PARTS["diff_tse"])
    assert DiffTSE.faults_of_decoding(MapDiffusionDecode(), configs) == []
    with pytest.raises(DataError, match="x.yaml: steps: 1001 is more than the 1000 of training"):
        check_for_system(decode_settings(DiffTSE, {"steps": 1001}), DiffTSE, configs, "x.yaml")
    fewer = {**configs, "lm": MapDiffusionConfig(num_steps=20)}
    assert DiffTSE.faults_of_decoding(MapDiffusionDecode(steps=20), fewer) == []
    with pytest.raises(DataError, match="ensemble is 0, want 1 or more"):
        decode_settings(DiffTSE, {"ensemble": 0})
