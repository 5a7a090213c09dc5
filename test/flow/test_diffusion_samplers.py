"""Samplers: with a network that is right they end at the data; with an exact one their errors have an order."""

import pytest
import torch

from espnet_tse.flow.diffusion_samplers import SAMPLERS, ddim, dpm_solver
from espnet_tse.flow.noise_schedule import NoiseSchedule, noisy

SETTINGS = [("ddim", 0.0), ("ddim", 0.3), ("ddim", 1.0), ("dpm_solver", 0.0)]


@pytest.fixture(scope="module")
def schedule() -> NoiseSchedule:
    return NoiseSchedule(1000, 8.5e-4, 1.2e-2)


def randn(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def knows(data: torch.Tensor, schedule: NoiseSchedule):
    """The true velocity of any state, of which only the data are known: v = (r x_t - x_0) / q."""

    def velocity(state, step):
        rates = schedule.at(step, state)
        return (rates.signal * state - data) / rates.noise

    return velocity


def drawing(seed: int, shape):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, generator=generator)


@pytest.mark.parametrize("number", [1, 2, 4, 7, 10, 50, 200, 1000])
@pytest.mark.parametrize("name, eta", SETTINGS)
def test_a_network_that_knows_the_data_leads_to_them_from_any_noise(schedule, name, eta, number):
    data = randn(0, 2, 5, 3)
    for seed in (1, 2):
        states = list(
            SAMPLERS[name](
                knows(data, schedule), randn(seed, 2, 5, 3), number, schedule, eta, drawing(seed, data.shape)
            )
        )
        assert len(states) == number
        # The last step is t = 0 at the earliest, where a velocity in float32 is known to 1e-7 / q = 3e-6.
        torch.testing.assert_close(states[-1], data, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_states_on_the_way_are_data_and_the_noise_of_the_start(schedule, name):
    """Without draws the noise that is taken away is always the one of the start."""
    data, start = randn(0, 1, 4, 2, dtype=torch.float64), randn(1, 1, 4, 2, dtype=torch.float64)
    states = list(SAMPLERS[name](knows(data, schedule), start, 10, schedule, 0.0, None))
    for state, following in zip(states, schedule.sampling_steps(10)[1:]):
        torch.testing.assert_close(state, noisy(data, start, schedule.at(following, start)))


@pytest.mark.parametrize("name, eta", SETTINGS)
def test_the_network_is_asked_once_a_step_beginning_with_the_last(schedule, name, eta):
    asked = []

    def velocity(state, step):
        asked.append(step)
        return torch.zeros_like(state)

    list(SAMPLERS[name](velocity, randn(0, 1, 2, 2), 4, schedule, eta, drawing(0, (1, 2, 2))))
    assert asked == [999, 749, 499, 249]


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_step_gives_the_mean_that_the_network_gives(schedule, name):
    mean = randn(3, 1, 4, 2)
    [state] = SAMPLERS[name](lambda state, step: -mean, randn(0, 1, 4, 2), 1, schedule, 0.0, None)
    assert torch.equal(state, mean)


def test_noise_of_steps_is_as_much_as_the_ancestral_sampler_draws(schedule):
    """With eta 1 the variance of a step is that of the posterior (arXiv:2006.11239, Eq. 7)."""
    zeros = torch.zeros(200_000)
    velocity = lambda state, step: torch.zeros_like(state)  # noqa: E731
    state = next(ddim(velocity, zeros, 2, schedule, 1.0, drawing(0, zeros.shape)))
    rates, following = (schedule.at(step, torch.zeros(1)) for step in (999, 499))
    beta = 1 - (rates.signal / following.signal).square()
    wanted = following.noise.square() / rates.noise.square() * beta
    torch.testing.assert_close(state.var(), wanted, rtol=0.02, atol=0)
    # It must not be drawn in vain where it counts nothing.
    ways = [list(ddim(velocity, zeros[:3], 3, schedule, eta, drawing(0, (3,))))[0] for eta in (0.0, 0.5, 1.0)]
    assert not ways[0].any() and ways[1].abs().sum() < ways[2].abs().sum()


def test_ddim_without_noise_draws_nothing(schedule):
    def refuse():
        raise AssertionError("drawn")

    for sampler in (ddim, dpm_solver):
        list(sampler(lambda state, step: state, randn(0, 1, 2), 5, schedule, 0.0, refuse))


def exact(schedule: NoiseSchedule, mean: float, deviation: float):
    """The mean velocity of data that are N(mean, deviation^2) in each entry."""

    def velocity(state, step):
        rates = schedule.at(step, state)
        variance = (rates.signal * deviation).square() + rates.noise.square()
        data = mean + rates.signal * deviation**2 / variance * (state - rates.signal * mean)
        return (rates.signal * state - data) / rates.noise

    return velocity


def test_the_second_order_is_nearer_to_the_exact_way(schedule):
    """A Gaussian's way from noise to data is known: x_0 = mean + deviation * noise."""
    start, velocity = randn(0, 500, dtype=torch.float64), exact(schedule, 0.7, 1.0)
    wanted = 0.7 + start
    # A fine trajectory goes that way, but for the first step, from the noise alone to a trace of data.
    *_, fine = ddim(velocity, start, 1000, schedule, 0.0, None)
    torch.testing.assert_close(fine, wanted, atol=2e-2, rtol=0)
    for number in (10, 20, 50):
        errors = {}
        for name, sampler in SAMPLERS.items():
            *_, state = sampler(velocity, start, number, schedule, 0.0, None)
            errors[name] = float((state - fine).abs().mean())
        assert errors["dpm_solver"] < 0.5 * errors["ddim"]


def test_without_rescaling_the_solver_is_of_second_order_from_the_second_step_on():
    schedule = NoiseSchedule(1000, 8.5e-4, 1.2e-2, zero_terminal=False)
    start, velocity = randn(0, 50, dtype=torch.float64), exact(schedule, 0.7, 0.3)
    *_, fine = ddim(velocity, start, 1000, schedule, 0.0, None)
    errors = []
    for number in (10, 20):
        *_, state = dpm_solver(velocity, start, number, schedule, 0.0, None)
        assert state.isfinite().all()
        errors.append(float((state - fine).abs().mean()))
    assert errors[1] < errors[0]


def test_a_trajectory_is_that_of_diffusers(schedule):
    diffusers = pytest.importorskip("diffusers")
    other = diffusers.DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=8.5e-4,
        beta_end=1.2e-2,
        beta_schedule="scaled_linear",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
    )
    mixing = randn(1, 8, 8) / 8**0.5

    def velocity(state, step):
        return torch.tanh(state @ mixing + step / 1000)

    other.set_timesteps(50)
    state = randn(0, 4, 20, 8)
    for step, ours in zip(other.timesteps.tolist(), ddim(velocity, state, 50, schedule, 0.0, None)):
        state = other.step(velocity(state, step), step, state, eta=0.0).prev_sample
        torch.testing.assert_close(ours, state, atol=2e-5, rtol=1e-5)
