"""The flow between spectra: its path, its criteria, its steps."""

from dataclasses import replace

import pytest
import torch

from espnet_tse.flow import spectral_flow
from espnet_tse.flow.mixing_ratio import level_at
from espnet_tse.flow.spectral_flow import Ends, SpectralFlow, SpectralFlowConfig, SpectralFlowDecode
from espnet_tse.io.scp import DataError
from espnet_tse.schema import Conditions, Frames, Prediction, Request, Streams, Vectors

LENGTHS, BINS = torch.tensor([9, 6]), 5
SIZES = {"num_layers": 1, "width": 16, "num_heads": 2, "feedforward": 24, "ratio_width": 8, "ratio_blocks": 1}
SYSTEMS = {
    "ad": {},
    "mean": {"objective": "mean"},
    "alpha": {"path": "mixture", "objective": "alpha"},
}


def new_flow(**changes) -> SpectralFlow:
    torch.manual_seed(0)
    return SpectralFlow(SpectralFlowConfig(**{**SIZES, **changes}), num_bins=BINS, speaker_dim=4).eval()


def shaken(flow: SpectralFlow, std: float = 0.2) -> SpectralFlow:
    torch.manual_seed(1)
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return flow


def frames(seed: int, lengths=LENGTHS) -> Frames:
    values = torch.randn(2, int(lengths.max()), 2 * BINS, generator=torch.Generator().manual_seed(seed))
    values[1, lengths[1] :] = 0.0
    return Frames(values, lengths, 100.0)


def conditions() -> Conditions:
    speaker = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 3, 4], [4, -3, 2, 1]]), dim=-1)
    waveform = torch.randn(2, 1440, generator=torch.Generator().manual_seed(5))
    waveform[1, 960:] = 0.0
    return Conditions(
        Streams(mixture=frames(0), enrollment=frames(1, torch.tensor([4, 7]).flip(0))),
        Vectors(speaker=speaker),
        mixture_waveform=waveform,
        mixture_num_samples=torch.tensor([1440, 960]),
    )


def ends(begin=(0.3, 0.7)) -> Ends:
    return Ends(frames(2).values, frames(3).values, torch.tensor(begin))


def request(given=None, **conf) -> Request:
    return Request(torch.tensor([1440, 960]), ["a", "b"], SpectralFlowDecode(**conf), given)


def spectrum(flow, heard=None, given=None, **conf) -> torch.Tensor:
    return flow.generate(heard or conditions(), request(given, **conf)).streams["spectrum"].values


def row(whole: Conditions, number: int) -> Conditions:
    """One row, trimmed to its own lengths."""
    streams = {
        name: Frames(
            part.values[number : number + 1, : int(part.lengths[number])],
            part.lengths[number : number + 1],
            part.frame_rate,
        )
        for name, part in whole.streams.items()
    }
    return replace(whole.rows(torch.tensor([number])), streams=Streams(**streams))


def calls_of(flow, monkeypatch) -> list:
    calls, forward = [], flow.velocity.forward
    monkeypatch.setattr(flow.velocity, "forward", lambda *args: calls.append(args[1:3]) or forward(*args))
    return calls


@pytest.mark.parametrize("system", SYSTEMS)
def test_untrained_it_returns_the_mixture_and_the_loss_is_the_distance_to_go(system):
    flow, end = new_flow(**SYSTEMS[system]), ends()
    share = 1.0
    if flow.ratio is not None:
        share = flow.predicted(conditions())[:, None, None]
    mixture = conditions().streams["mixture"]
    torch.testing.assert_close(spectrum(flow), mixture.values * share)
    loss, stats = flow.loss(conditions(), end)
    speed = (end.end - end.start)[~mixture.padding_mask]
    if system == "alpha":  # of intervals all but a share of the velocity is the network's own
        assert loss < speed.square().mean()
    else:
        torch.testing.assert_close(stats["loss_flow"], speed.square().mean())


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("hears_enrollment", [False, True])
def test_padding_does_not_count(system, hears_enrollment):
    flow = shaken(new_flow(**SYSTEMS[system], hears_enrollment=hears_enrollment))
    loss, stats = flow.loss(conditions(), ends())
    changed, end = conditions(), ends()
    for values in (changed.streams["mixture"].values, end.start, end.end):
        values[1, 6:] = 3.0
    changed.streams["enrollment"].values[1, 4:] = 3.0
    torch.testing.assert_close(flow.loss(changed, end)[0], loss)
    both = spectrum(flow, steps=2)
    assert not both[1, 6:].any()
    for number, length in enumerate(LENGTHS.tolist()):
        alone = flow.generate(
            row(conditions(), number), request(steps=2).rows(torch.tensor([number]))
        ).streams["spectrum"]
        torch.testing.assert_close(both[number, :length], alone.values[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gain", [False, True])
def test_the_velocity_hears_time_interval_speaker_and_enrollment(gain):
    flow = shaken(new_flow(objective="mean", hears_enrollment=True, gain=gain))
    given, state = conditions(), frames(4).values
    time, end = torch.tensor([0.2, 0.2]), torch.tensor([0.6, 0.6])
    usual = flow.velocity(state, time, end, given)
    others = [
        flow.velocity(state, time, end + 0.3, given),
        flow.velocity(state, time - 0.2, end - 0.2, given),
        flow.velocity(
            state, time, end, replace(given, vectors=Vectors(speaker=given.vectors["speaker"].flip(0)))
        ),
        flow.velocity(
            state, time, end, replace(given, streams=Streams({**given.streams, "enrollment": frames(8)}))
        ),
    ]
    assert usual.shape == state.shape and not any(torch.allclose(other, usual) for other in others)
    # The mixture beside the state would give the velocity away.
    mixed = replace(given, streams=Streams({**given.streams, "mixture": frames(9)}))
    assert torch.equal(flow.velocity(state, time, end, mixed), usual)


def test_a_gain_turns_and_scales_each_bin():
    flow = new_flow()
    flow.velocity.transformer.output.bias.data[:BINS] = 0.5  # real parts of the gains
    flow.velocity.transformer.output.bias.data[BINS : 2 * BINS] = -2.0
    state = frames(4).values
    found = flow.velocity(state, torch.zeros(2), torch.zeros(2), conditions())
    wanted = torch.complex(*state.chunk(2, dim=-1)) * (0.5 - 2.0j)
    torch.testing.assert_close(found, torch.cat([wanted.real, wanted.imag], dim=-1))


@pytest.mark.parametrize("system, conf, number", [
    ("ad", {}, 1),
    ("ad", {"steps": 3}, 3),
    ("ad", {"steps": 2, "solver": "midpoint"}, 4),
    ("mean", {"steps": 4}, 4),
    ("alpha", {"steps": 2}, 2),
])  # fmt: skip
def test_evaluations_are_counted_and_steps_lead_from_the_mixture_to_the_end(
    system, conf, number, monkeypatch
):
    flow = shaken(new_flow(**SYSTEMS[system]))
    calls = calls_of(flow, monkeypatch)
    before = torch.random.get_rng_state()
    prediction = flow.generate(conditions(), request(**conf))
    assert prediction.num_function_evaluations == number == len(calls)
    assert torch.equal(torch.random.get_rng_state(), before)  # nothing is drawn
    begin = torch.zeros(2) if flow.ratio is None else flow.predicted(conditions())
    torch.testing.assert_close(calls[0][0], begin)
    if system != "ad":
        for (_, end), (time, _) in zip(calls, calls[1:]):
            torch.testing.assert_close(end, time)
        torch.testing.assert_close(calls[-1][1], torch.ones(2))


def test_one_step_is_the_mixture_and_the_rest_of_the_way():
    flow, given = shaken(new_flow(objective="mean")), conditions()
    begin, mixture = flow.predicted(given), given.streams["mixture"].values
    start = mixture * level_at(begin)[:, None, None]
    arrived = start + (1 - begin)[:, None, None] * flow.velocity(start, begin, torch.ones(2), given)
    expected = arrived * (begin / level_at(begin))[:, None, None]
    padding = given.streams["mixture"].padding_mask[..., None]
    torch.testing.assert_close(spectrum(flow), expected.masked_fill(padding, 0.0))


def truth(share: float) -> Prediction:
    """A target that is so much of the mixture's samples."""
    waveform = conditions().mixture_waveform
    mask = torch.zeros_like(waveform)
    mask[:, ::2] = share
    return Prediction(Streams(target=Frames((waveform * mask)[..., None], torch.tensor([1440, 960]), 16000)))


def test_an_oracle_ratio_comes_from_the_target_that_is_given():
    flow = shaken(new_flow())
    begin = flow.begin(conditions(), request(truth(1.0), ratio="oracle"))
    torch.testing.assert_close(begin, torch.full((2,), 0.5), rtol=0.05, atol=0)
    assert not torch.allclose(spectrum(flow, given=truth(1.0), ratio="oracle"), spectrum(flow))
    absent = spectrum(flow, given=truth(0.0), ratio="oracle")
    assert not absent.any()  # the end of the path belongs to a level of 0
    with pytest.raises(DataError, match="ratio: oracle lacks the target; give it"):
        spectrum(flow, ratio="oracle")
    with pytest.raises(DataError, match="ratio: predicted does not read the target"):
        spectrum(flow, given=truth(1.0))


def test_settings_that_do_not_go_with_the_flow_are_refused():
    with pytest.raises(DataError, match="a flow from the mixture has no ratio"):
        spectrum(new_flow(**SYSTEMS["alpha"]), given=truth(1.0), ratio="oracle")
    with pytest.raises(DataError, match="solver: midpoint is for objective: velocity"):
        spectrum(new_flow(objective="mean"), solver="midpoint")


@pytest.mark.parametrize("begin", [(0.0, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize("system", ["ad", "mean"])
def test_absent_targets_and_mixtures_of_the_target_alone_stay_finite(system, begin):
    flow, end = shaken(new_flow(**SYSTEMS[system])).train(), ends(begin)
    end.start, end.end = (
        (torch.zeros_like(end.start), end.end) if begin[0] else (end.start, torch.zeros_like(end.end))
    )
    loss, _ = flow.loss(conditions(), end)
    loss.backward()
    assert loss.isfinite() and all(
        parameter.grad is None or parameter.grad.isfinite().all() for parameter in flow.parameters()
    )


def test_no_target_is_asked_where_no_interval_is(monkeypatch):
    def refuse(*_):
        raise AssertionError("no interval has a length")

    monkeypatch.setattr(spectral_flow, "identity_target", refuse)
    monkeypatch.setattr(spectral_flow, "consistency_target", refuse)
    shaken(new_flow()).loss(conditions(), ends())
    for objective in ("mean", "alpha"):
        shaken(new_flow(objective=objective, at_start=0.0, instant=1.0)).loss(conditions(), ends())
    with pytest.raises(AssertionError, match="no interval"):
        shaken(new_flow(objective="mean", at_start=1.0, instant=0.0)).loss(conditions(), ends())


@pytest.mark.parametrize("objective, number", [("velocity", 0), ("mean", 1), ("alpha", 0)])
def test_derivatives_are_of_the_mean_objective_alone_and_in_full_precision(objective, number, monkeypatch):
    flow, calls, jvp = shaken(new_flow(objective=objective)).train(), [], torch.func.jvp

    def counted(*args, **kwargs):
        calls.append(torch.is_autocast_enabled("cpu"))
        return jvp(*args, **kwargs)

    monkeypatch.setattr(torch.func, "jvp", counted)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for _ in range(4):
            loss, _ = flow.loss(conditions(), ends())
    loss.backward()
    assert loss.isfinite() and bool(calls) == bool(number) and not any(calls)


def test_the_derivative_of_the_network_is_that_of_finite_differences():
    flow, given = shaken(new_flow(objective="mean", hears_enrollment=True)), conditions()
    state, speed = frames(6).values, frames(7).values
    time, end, step = torch.tensor([0.2, 0.4]), torch.tensor([0.9, 0.7]), 3e-3

    def network(state, time, end):
        return flow.velocity(state, time, end, given)

    ahead, behind = (network(state + sign * step * speed, time + sign * step, end) for sign in (1, -1))
    expected = speed + (end - time)[:, None, None] * (ahead - behind) / (2 * step)
    found = spectral_flow.identity_target(network, state, speed, time, end)
    valid = ~given.streams["mixture"].padding_mask
    assert ((found - expected)[valid]).abs().max() < 0.02 * (found - speed)[valid].abs().max()


def test_validation_draws_are_seeded_and_those_of_training_are_not():
    flow = shaken(new_flow())
    assert flow.loss(conditions(), ends())[0] == flow.loss(conditions(), ends())[0]
    flow.train()
    assert flow.loss(conditions(), ends())[0] != flow.loss(conditions(), ends())[0]


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"path": "noise"}, "path 'noise' is none of"),
        ({"objective": "score"}, "objective 'score' is none of"),
        ({"at_start": 0.8, "instant": 0.3}, "sum is at most 1"),
        ({"objective": "alpha", "alpha": 0.0}, "want a share in"),
        ({"alpha": 0.5}, "alpha: 0.5 is for objective: alpha; leave it out"),
        ({"num_heads": 5}, "heads of one even width"),
        ({"num_layers": 0}, "must be positive"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"input_exponent": 0.0}, "input_exponent is 0.0"),
        ({"ratio_blocks": 0}, "want positive sizes"),
    ],
)
def test_what_makes_no_flow_is_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        SpectralFlowConfig(**conf)


@pytest.mark.parametrize("conf", [{"steps": 0}, {"solver": "rk45"}, {"ratio": "guessed"}, {"candidates": 2}])
def test_settings_out_of_range_are_refused(conf):
    with pytest.raises(ValueError, match=next(iter(conf))):
        SpectralFlowDecode(**conf)
