"""The flow between mel spectrograms."""

import pytest
import torch

from espnet_tse.flow.mel_flow import MelFlow, MelFlowConfig, MelFlowDecode, faults_of_decoding
from espnet_tse.io.scp import DataError
from espnet_tse.schema import Conditions, Frames, Request, Streams, Vectors

LENGTHS = torch.tensor([9, 6])


def new_flow(**changes) -> MelFlow:
    torch.manual_seed(0)
    sizes = {"num_layers": 1, "width": 16, "num_heads": 2, "feedforward": 24, "dropout": 0.0}
    return MelFlow(MelFlowConfig(**{**sizes, **changes}), num_mels=5, speaker_dim=4).eval()


def shaken(flow: MelFlow) -> MelFlow:
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return flow


def frames(seed: int) -> Frames:
    values = torch.rand(2, 9, 5, generator=torch.Generator().manual_seed(seed))
    values[1, 6:] = 0.0
    return Frames(values, LENGTHS, 100.0)


def conditions() -> Conditions:
    speaker = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 3, 4], [4, -3, 2, 1]]), dim=-1)
    return Conditions(Streams(mixture=frames(0), masked=frames(1)), Vectors(speaker=speaker))


def request(keys=("a", "b"), **conf) -> Request:
    return Request(torch.tensor([1440, 960]), list(keys), MelFlowDecode(**conf))


def generated(flow, given=None, **conf):
    return flow.generate(given or conditions(), request(**conf)).streams["mel"].values


@pytest.mark.parametrize("start", ["masked", "mixture"])
def test_untrained_it_returns_its_start_and_the_loss_is_the_distance_to_go(start):
    flow, target = new_flow(start=start), frames(2)
    assert torch.equal(generated(flow), conditions().streams[start].values)
    error = (target.values - conditions().streams[start].values)[~target.padding_mask]
    torch.testing.assert_close(flow.loss(conditions(), target), error.square().mean())


def test_padded_frames_of_the_target_and_the_mixture_do_not_count():
    flow, changed, target = shaken(new_flow(at_start=1.0, hears_mixture=True)), conditions(), frames(2)
    loss = flow.loss(conditions(), target)
    for values in (changed.streams["mixture"].values, changed.streams["masked"].values, target.values):
        values[1, 6:] = 3.0
    torch.testing.assert_close(flow.loss(changed, target), loss)


def test_the_velocity_hears_time_speaker_and_mixture():
    flow, given = shaken(new_flow(hears_mixture=True)), conditions()
    speaker, time, state = given.vectors["speaker"], torch.tensor([0.2, 0.2]), given.streams["masked"].values
    usual = flow.velocity(state, time, given, speaker)
    assert not torch.allclose(flow.velocity(state, time + 0.5, given, speaker), usual)
    assert not torch.allclose(flow.velocity(state, time, given, speaker.flip(0)), usual)
    other = Conditions(Streams(mixture=frames(7), masked=given.streams["masked"]), given.vectors)
    assert not torch.allclose(flow.velocity(state, time, other, speaker), usual)
    without = shaken(new_flow())
    assert torch.equal(
        without.velocity(state, time, other, speaker), without.velocity(state, time, given, speaker)
    )


def test_one_step_is_start_and_velocity_and_draws_nothing():
    flow, given = shaken(new_flow()), conditions()
    start = given.streams["masked"].values
    velocity = flow.velocity(start, torch.zeros(2), given, given.vectors["speaker"])
    expected = (start + velocity).masked_fill(given.streams["mixture"].padding_mask[..., None], 0.0)
    before = torch.random.get_rng_state()
    assert torch.equal(generated(flow), expected) and torch.equal(generated(flow), expected)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_evaluations_are_counted(monkeypatch):
    flow, calls = shaken(new_flow()), []
    velocity = flow.velocity
    monkeypatch.setattr(flow, "velocity", lambda *args: calls.append(1) or velocity(*args))
    for conf, number in (
        ({}, 1),
        ({"steps": 3}, 3),
        ({"steps": 2, "guidance": 1.5}, 4),
        ({"solver": "midpoint"}, 2),
    ):
        calls.clear()
        assert flow.generate(conditions(), request(**conf)).num_function_evaluations == number == len(calls)


def test_guidance_goes_from_nobody_to_the_speaker_and_beyond():
    flow = shaken(new_flow())
    nobody, speaker, beyond = (generated(flow, guidance=weight) for weight in (0.0, 1.0, 2.0))
    given = conditions()
    given.vectors["speaker"] = flow.nobody.detach().expand(2, -1)
    torch.testing.assert_close(generated(flow, given), nobody)
    torch.testing.assert_close(beyond - speaker, speaker - nobody, rtol=1e-4, atol=1e-5)


def test_noise_belongs_to_its_row():
    flow = shaken(new_flow(start="noise", hears_mixture=True))
    both = generated(flow, steps=2)
    alone = (
        flow.generate(conditions_of_row(1), Request(torch.tensor([960]), ["b"], MelFlowDecode(steps=2)))
        .streams["mel"]
        .values
    )
    torch.testing.assert_close(both[1, :6], alone[0])
    assert torch.equal(generated(flow, steps=2), both) and not torch.allclose(
        generated(flow, steps=2, seed=1), both
    )


def conditions_of_row(row: int) -> Conditions:
    whole, length = conditions(), int(LENGTHS[row])
    streams = {
        name: Frames(part.values[row : row + 1, :length], part.lengths[row : row + 1], part.frame_rate)
        for name, part in whole.streams.items()
    }
    return Conditions(Streams(**streams), Vectors(speaker=whole.vectors["speaker"][row : row + 1]))


@pytest.mark.parametrize("conf", [{}, {"start": "noise", "hears_mixture": True, "at_start": 0.0}])
def test_validations_draw_the_same_and_leave_the_draws_of_training_alone(conf):
    flow = shaken(new_flow(**conf))
    before = torch.random.get_rng_state()
    losses = {flow.loss(conditions(), frames(2)).item() for _ in range(3)}
    assert len(losses) == 1 and torch.equal(torch.random.get_rng_state(), before)
    flow.train()
    assert len({flow.loss(conditions(), frames(2)).item() for _ in range(3)}) > 1


def test_in_training_some_rows_have_no_speaker():
    flow = new_flow(drop_speaker=0.9).train()
    torch.manual_seed(0)
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    flow.loss(conditions(), frames(2)).backward()
    assert flow.nobody.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"start": "nowhere"}, "start 'nowhere'"),
        ({"start": "noise"}, "set hears_mixture: true"),
        ({"at_start": 1.5}, "want shares"),
        ({"num_heads": 5}, "heads of one even width"),
        ({"num_layers": 0}, "must be positive"),
    ],
)
def test_what_makes_no_flow_is_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        MelFlowConfig(**conf)


@pytest.mark.parametrize("conf", [{"steps": 0}, {"solver": "rk45"}, {"guidance": -1.0}])
def test_settings_out_of_range_are_refused(conf):
    with pytest.raises(ValueError, match=next(iter(conf))):
        MelFlowDecode(**conf)


@pytest.mark.parametrize(
    "settings, sizes, message",
    [
        (
            {"candidates": 2},
            {"start": "masked"},
            "candidates: 2 would all be the same, since a flow with start: masked",
        ),
        (
            {"guidance": 3.0},
            {"drop_speaker": 0.0},
            "guidance: 3.0 is for flows that were trained without speaker",
        ),
    ],
)
def test_settings_that_do_not_go_with_the_flow_are_refused(settings, sizes, message):
    flow = new_flow(**sizes)
    [fault] = faults_of_decoding(MelFlowDecode(**settings), flow.config)
    assert fault.startswith(message)
    with pytest.raises(DataError, match=message):
        generated(flow, **settings)


def test_the_published_size():
    with torch.device("meta"):
        flow = MelFlow(MelFlowConfig(), num_mels=80, speaker_dim=512)
    assert sum(parameter.numel() for parameter in flow.parameters()) == 71_976_400
