"""Diffusion of latents: what its loss means, what its network looks at, and whose noise is whose."""

import pytest
import torch
from factories import make_frames, take

from espnet_tse.flow.diffusion_samplers import SAMPLERS
from espnet_tse.flow.latent_diffusion import LatentDiffusion, LatentDiffusionConfig, LatentDiffusionDecode
from espnet_tse.flow.noise_schedule import noisy, velocity_of
from espnet_tse.layers.row_generator import row_generator
from espnet_tse.schema import Conditions, Frames, Request, Streams, Vectors

D, CONTEXT = 4, 6
SIZES = {"width": 16, "num_layers": 2, "num_heads": 2}


def new_diffusion(
    context_dim: int | None = CONTEXT, speaker_dim: int | None = None, **changes
) -> LatentDiffusion:
    torch.manual_seed(0)
    config = LatentDiffusionConfig(**{**SIZES, **changes})
    return LatentDiffusion(config, D, context_dim, speaker_dim).eval()


def shaken(diffusion: LatentDiffusion) -> LatentDiffusion:
    """Random weights everywhere, as after some training."""
    torch.manual_seed(1)
    for parameter in diffusion.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return diffusion


def conditions(mixture=(9, 6), enrollment=(5, 7), seed: int = 0) -> Conditions:
    streams = Streams(
        mixture=make_frames(list(mixture), D, 50.0, seed),
        enrollment=make_frames(list(enrollment), CONTEXT, 50.0, seed + 1),
    )
    return Conditions(streams)


def target(lengths=(9, 6)) -> Frames:
    return make_frames(list(lengths), D, 50.0, seed=5)


def request(keys=("a", "b"), **conf) -> Request:
    conf = {"steps": 3, **conf}
    return Request(torch.full((len(keys),), 2880), list(keys), LatentDiffusionDecode(**conf))


def generated(diffusion, given=None, keys=("a", "b"), **conf):
    with torch.no_grad():
        prediction = diffusion.generate(given or conditions(), request(keys, **conf))
    return prediction.streams["latent"].values


def row_of(given: Conditions, row: int) -> Conditions:
    """One row, trimmed to its own lengths."""
    vectors = Vectors({name: vector[row : row + 1] for name, vector in given.vectors.items()})
    return Conditions(Streams({name: take(part, row) for name, part in given.streams.items()}), vectors)


@pytest.mark.parametrize("output", ["velocity", "data"])
def test_the_loss_is_the_mean_error_of_valid_frames_and_channels(output):
    """A slow obvious version: row by row, with the draws of validation."""
    diffusion, given, wanted = shaken(new_diffusion(output=output)), conditions(), target()
    generator = torch.Generator().manual_seed(0)
    steps = torch.randint(1000, (2,), generator=generator)
    noise = torch.randn(wanted.values.shape, generator=generator)
    total, count = 0.0, 0
    for row, length in enumerate((9, 6)):
        data, eps = wanted.values[row : row + 1, :length], noise[row : row + 1, :length]
        rates = diffusion.schedule.at(int(steps[row]), data)
        given_row = diffusion.network(row_of(given, row))(noisy(data, eps, rates), steps[row : row + 1])
        true = data if output == "data" else velocity_of(data, eps, rates)
        total, count = total + (given_row - true).square().sum(), count + true.numel()
    loss = diffusion.loss(given, wanted)
    torch.testing.assert_close(loss, total / count, rtol=1e-4, atol=1e-6)
    assert torch.equal(diffusion.loss(given, wanted), loss)


def test_training_draws_steps_and_noise_anew():
    diffusion = shaken(new_diffusion()).train()
    torch.manual_seed(0)
    first, second = (diffusion.loss(conditions(), target()) for _ in range(2))
    torch.manual_seed(0)
    assert torch.equal(diffusion.loss(conditions(), target()), first) and not torch.equal(first, second)


def test_padding_of_target_mixture_and_enrollment_does_not_count():
    diffusion, given, wanted = shaken(new_diffusion()), conditions(), target()
    loss, latents = diffusion.loss(given, wanted), generated(diffusion, given)
    for part in (*given.streams.values(), wanted):
        part.values[part.padding_mask] = 30.0
    torch.testing.assert_close(diffusion.loss(given, wanted), loss)
    torch.testing.assert_close(generated(diffusion, given), latents, atol=1e-5, rtol=1e-5)
    assert not latents[1, 6:].any() and latents[1, :6].any()


@pytest.mark.parametrize("name, eta", [("ddim", 0.0), ("ddim", 1.0), ("dpm_solver", 0.0)])
def test_a_row_is_the_same_in_any_batch(name, eta):
    diffusion, given = shaken(new_diffusion()), conditions((9, 6, 8), (5, 7, 2))
    together = generated(diffusion, given, ("a", "b", "c"), sampler=name, eta=eta)
    for row, (key, length) in enumerate(zip("abc", (9, 6, 8))):
        alone = generated(diffusion, row_of(given, row), (key,), sampler=name, eta=eta)
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-4, rtol=1e-4)


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    diffusion = shaken(new_diffusion())
    for eta in (0.0, 1.0):
        first = generated(diffusion, eta=eta)
        torch.manual_seed(77)
        assert torch.equal(generated(diffusion, eta=eta), first)
        assert not torch.allclose(generated(diffusion, eta=eta, seed=1), first, atol=1e-3)
    assert not torch.allclose(generated(diffusion, eta=1.0), generated(diffusion, eta=0.0), atol=1e-3)


def test_nobody_else_s_random_state_is_touched():
    diffusion = shaken(new_diffusion())
    before = torch.random.get_rng_state()
    generated(diffusion, eta=1.0)
    diffusion.loss(conditions(), target())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("number", [1, 2, 4, 10, 50])
@pytest.mark.parametrize("output", ["velocity", "data"])
@pytest.mark.parametrize("name, eta", [("ddim", 0.0), ("ddim", 1.0), ("dpm_solver", 0.0)])
def test_a_network_that_knows_the_target_leads_to_it(monkeypatch, name, eta, output, number):
    diffusion, wanted = new_diffusion(output=output), target().values

    def network(given):
        def true(state, steps):
            rates = diffusion.schedule.at(steps, state)
            return wanted if output == "data" else (rates.signal * state - wanted) / rates.noise

        return true

    monkeypatch.setattr(diffusion, "network", network)
    expected = wanted.masked_fill(target().padding_mask[..., None], 0.0)
    found = generated(diffusion, sampler=name, eta=eta, steps=number)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_output_data_goes_the_way_of_the_velocity_it_stands_for():
    """From one network both ways: once read as data, once as the velocity that follows."""
    as_data, as_velocity = shaken(new_diffusion(output="data")), new_diffusion()
    network = as_data.network

    def velocity_network(given):
        inner = network(given)

        def velocity(state, steps):
            rates = as_data.schedule.at(steps, state)
            return (rates.signal * state - inner(state, steps)) / rates.noise

        return velocity

    as_velocity.network = velocity_network
    for name in SAMPLERS:
        torch.testing.assert_close(
            generated(as_data, sampler=name), generated(as_velocity, sampler=name), atol=1e-5, rtol=1e-5
        )
    noise = target().values
    torch.testing.assert_close(
        as_data.mean_of_noise(conditions(), noise), as_velocity.mean_of_noise(conditions(), noise)
    )


@pytest.mark.parametrize("output", ["velocity", "data"])
def test_one_step_is_the_mean_of_noise(output):
    diffusion, given = shaken(new_diffusion(output=output)), conditions((9, 9), (5, 5))
    start = next(diffusion.states(given, request(steps=1)))
    noise = torch.stack([torch.randn(9, D, generator=row_generator(key, seed=0)) for key in "ab"])
    torch.testing.assert_close(start, diffusion.mean_of_noise(given, noise), atol=1e-6, rtol=1e-6)


def test_the_network_hears_step_mixture_and_enrollment():
    diffusion, given, state = shaken(new_diffusion()), conditions(), target().values
    steps = torch.tensor([500, 500])
    usual = diffusion.network(given)(state, steps)
    assert not torch.allclose(diffusion.network(given)(state, steps + 300), usual, atol=1e-4)
    for name in ("mixture", "enrollment"):
        streams = Streams({**given.streams, name: conditions(seed=9).streams[name]})
        assert not torch.allclose(diffusion.network(Conditions(streams))(state, steps), usual, atol=1e-4)


def test_a_speaker_is_heard_in_place_of_an_enrollment():
    diffusion = shaken(new_diffusion(context_dim=None, speaker_dim=3))
    streams = Streams(mixture=conditions().streams["mixture"])
    speaker = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    given = Conditions(streams, Vectors(speaker=speaker))
    usual = generated(diffusion, given)
    assert not torch.allclose(
        generated(diffusion, Conditions(streams, Vectors(speaker=speaker.flip(0)))), usual
    )
    for row, (key, length) in enumerate(zip("ab", (9, 6))):
        alone = generated(diffusion, row_of(given, row), (key,))
        torch.testing.assert_close(usual[row, :length], alone[0], atol=1e-4, rtol=1e-4)
    diffusion.loss(given, target()).backward()
    assert diffusion.speaker.weight.grad.any()


def test_untrained_it_hears_neither_enrollment_nor_time_and_both_after_an_update():
    diffusion, given = new_diffusion().train(), conditions()
    other = Conditions(Streams({**given.streams, "enrollment": conditions(seed=9).streams["enrollment"]}))
    state, steps = target().values, torch.tensor([500, 500])

    def differences():
        usual = diffusion.network(given)(state, steps)
        return (
            diffusion.network(other)(state, steps) - usual,
            diffusion.network(given)(state, steps - 300) - usual,
        )

    assert not any(difference.any() for difference in differences())
    optimizer = torch.optim.SGD(diffusion.parameters(), lr=0.1)
    diffusion.loss(given, target()).backward()
    optimizer.step()
    assert all(difference.abs().max() > 1e-6 for difference in differences())


def test_what_is_seen_of_the_enrollment_is_computed_once(monkeypatch):
    diffusion, calls = shaken(new_diffusion()), []
    prepare = diffusion.transformer.prepare
    monkeypatch.setattr(diffusion.transformer, "prepare", lambda context: calls.append(1) or prepare(context))
    prediction = diffusion.generate(conditions(), request(steps=5))
    assert len(calls) == 1 and prediction.num_function_evaluations == 5


def test_eight_pairs_of_latents_are_learnt_by_heart():
    torch.manual_seed(0)
    diffusion = new_diffusion().train()
    lengths = [8] * 8
    given = conditions(lengths, lengths)
    wanted = make_frames(lengths, D, 50.0, seed=5)
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=1e-2)
    losses = []
    for _ in range(200):
        loss = diffusion.loss(given, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-20:]) / 20 < 0.2 * losses[0]
    diffusion.eval()
    found = generated(diffusion, given, tuple("abcdefgh"), steps=10)
    mean_error = (found - wanted.values).square().mean()
    assert mean_error < 0.2 * wanted.values.square().mean()


def test_a_saved_diffusion_gives_the_same_bits():
    diffusion, other = shaken(new_diffusion()), new_diffusion()
    assert not torch.allclose(generated(diffusion), generated(other))
    other.load_state_dict(diffusion.state_dict())
    assert torch.equal(generated(diffusion), generated(other))


def test_published_sizes():
    def size(context_dim: int, **changes) -> int:
        with torch.device("meta"):
            diffusion = LatentDiffusion(LatentDiffusionConfig(**changes), 128, context_dim)
        return sum(parameter.numel() for parameter in diffusion.parameters())

    assert size(384) == 179_131_520
    assert size(384, width=1024, num_layers=16, num_heads=16) == pytest.approx(419.023e6, abs=500)


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"num_layers": 3}, "num_layers even"),
        ({"num_layers": 0}, "must be positive"),
        ({"num_heads": 5}, "heads of one even width"),
        ({"width": 6}, "heads of one even width"),
        ({"num_steps": 1}, "num_steps of 2 or more"),
        ({"first_beta": 0.0}, "0 < first_beta < last_beta < 1"),
        ({"last_beta": 1.0}, "0 < first_beta < last_beta < 1"),
        ({"output": "noise"}, r"output 'noise' is none of \['velocity', 'data'\]"),
    ],
)
def test_what_makes_no_diffusion_is_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        LatentDiffusionConfig(**{**SIZES, **conf})


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"steps": 0}, "steps is 0, want 1 or more"),
        ({"sampler": "euler"}, r"sampler 'euler' is none of \['ddim', 'dpm_solver'\]"),
        ({"eta": 1.5}, r"eta is 1.5, want a share in \[0, 1\]"),
        ({"eta": -0.1}, "eta is -0.1"),
        ({"eta": 0.5, "sampler": "dpm_solver"}, "eta: 0.5 is for sampler: ddim; leave it out"),
    ],
)
def test_settings_out_of_range_are_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        LatentDiffusionDecode(**conf)


def test_more_steps_than_it_was_trained_with_are_refused():
    with pytest.raises(ValueError, match=r"steps is 20, want 1 \.\. 10"):
        generated(new_diffusion(num_steps=10), steps=20)
