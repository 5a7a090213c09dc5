"""The noise schedule: its published numbers, and how state, velocity, data and noise follow from each other."""

import math

import pytest
import torch

from espnet_tse.flow.noise_schedule import NoiseSchedule, data_of, noise_of, noisy, velocity_of

PAPER = (1000, 8.5e-4, 1.2e-2)
# Step -> root of the product of alphas and signal-to-noise ratio in dB, after the rescaling of arXiv:2305.08891.
TABLE = {
    0: (0.99957491, 30.702),
    1: (0.99911633, 27.521),
    99: (0.94238309, 8.996),
    249: (0.80881951, 2.769),
    499: (0.49229988, -4.950),
    749: (0.18213040, -14.646),
    899: (0.05507334, -25.168),
    979: (0.00926217, -40.665),
    998: (0.00044361, -67.060),
}


@pytest.fixture(scope="module")
def schedule() -> NoiseSchedule:
    return NoiseSchedule(*PAPER)


def all_steps(schedule: NoiseSchedule, dtype: torch.dtype):
    """Data, noise and rates of a batch with a row for every step."""
    generator = torch.Generator().manual_seed(0)
    data, noise = (
        torch.randn(schedule.num_steps, 2, 3, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    data, noise = data.to(dtype), noise.to(dtype)
    return data, noise, schedule.at(torch.arange(schedule.num_steps), data)


@pytest.mark.parametrize("step", TABLE)
def test_the_published_numbers(schedule, step):
    signal, ratio_db = TABLE[step]
    rates = schedule.at(step, torch.zeros(1, dtype=torch.float64))
    assert float(rates.signal) == pytest.approx(signal, abs=1e-8)
    assert 20 * math.log10(float(rates.signal / rates.noise)) == pytest.approx(ratio_db, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_is_left_of_the_data_at_the_last_step(schedule, dtype):
    data, noise, _ = all_steps(schedule, dtype)
    rates = schedule.at(999, data)
    assert float(rates.signal) == 0.0 and float(rates.noise) == 1.0
    assert torch.equal(noisy(data, noise, rates), noise)
    assert torch.equal(velocity_of(data, noise, rates), -data)


def test_without_rescaling_seven_percent_of_the_data_are_left():
    rates = NoiseSchedule(*PAPER, zero_terminal=False).at(999, torch.zeros(1, dtype=torch.float64))
    assert float(rates.signal) == pytest.approx(0.06826491, abs=1e-8)


@pytest.mark.parametrize("zero_terminal", [False, True])
def test_betas_that_grow_linearly(zero_terminal):
    """A slow obvious version at the betas of arXiv:2006.11239, of which 4.0358e-5 of the power are left."""
    schedule = NoiseSchedule(1000, 1e-4, 2e-2, zero_terminal, growth="linear")
    power, roots = 1.0, []
    for step in range(1000):
        power *= 1.0 - (1e-4 + step / 999 * (2e-2 - 1e-4))
        roots.append(math.sqrt(power))
    assert power == pytest.approx(4.0358e-5, rel=1e-4)
    if zero_terminal:
        first, last = roots[0], roots[-1]
        roots = [(root - last) * first / (first - last) for root in roots]
        assert roots[-1] == float(schedule.signal[999]) == 0.0
    torch.testing.assert_close(schedule.signal[:1000], torch.tensor(roots, dtype=torch.float64))


def test_noise_grows_at_every_step(schedule):
    signal = schedule.signal[:1000]
    assert (signal.diff() < 0).all() and schedule.signal[-1] == 1 and schedule.noise[-1] == 0
    power = signal.square()
    assert int((power < 0.5).nonzero()[0]) == 337
    betas = 1 - power / torch.cat([torch.ones(1, dtype=power.dtype), power[:-1]])
    assert (betas > 0).all() and betas[999] == 1.0
    for step, beta in {0: 8.5e-4, 499: 5.5158e-3, 998: 0.751137}.items():
        assert float(betas[step]) == pytest.approx(beta, abs=1e-6)
    torch.testing.assert_close(
        schedule.signal.square() + schedule.noise.square(),
        torch.ones(1001, dtype=torch.float64),
        atol=1e-12,
        rtol=0,
    )


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_state_and_velocity_give_data_and_noise_back_at_every_step(schedule, dtype, tolerance):
    data, noise, rates = all_steps(schedule, dtype)
    state, velocity = noisy(data, noise, rates), velocity_of(data, noise, rates)
    assert state.dtype == dtype
    torch.testing.assert_close(data_of(state, velocity, rates), data, atol=tolerance, rtol=0)
    torch.testing.assert_close(noise_of(state, velocity, rates), noise, atol=tolerance, rtol=0)
    # A rotation: neither the state nor the velocity is larger than what they are made of.
    torch.testing.assert_close(
        state.square() + velocity.square(), data.square() + noise.square(), atol=1e3 * tolerance, rtol=1e-5
    )


def test_rates_of_one_step_are_those_of_rows_at_it(schedule):
    data = torch.randn(3, 4, 5)
    rows, one = schedule.at(torch.tensor([7, 500, -1]), data), schedule.at(500, data)
    assert torch.equal(rows.signal[1] * data[1], one.signal * data[1])
    assert torch.equal(noisy(data, torch.randn_like(data), rows)[2], data[2])


def test_steps_of_sampling_begin_with_the_last(schedule):
    assert schedule.sampling_steps(50) == list(range(999, 18, -20))
    assert schedule.sampling_steps(4) == [999, 749, 499, 249]
    assert schedule.sampling_steps(1) == [999]
    assert schedule.sampling_steps(1000) == list(range(999, -1, -1))
    for number in (3, 7, 300, 700, 999):
        steps = schedule.sampling_steps(number)
        assert steps[0] == 999 and steps[-1] >= 0 and len(set(steps)) == number
        assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("number", [0, 1001])
def test_more_steps_than_there_are_or_none_are_refused(schedule, number):
    with pytest.raises(ValueError, match=rf"steps is {number}, want 1 \.\. 1000"):
        schedule.sampling_steps(number)


def test_tables_are_of_no_checkpoint(schedule):
    assert not schedule.state_dict()


def test_the_schedule_is_that_of_diffusers(schedule):
    diffusers = pytest.importorskip("diffusers")
    other = diffusers.DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=8.5e-4,
        beta_end=1.2e-2,
        beta_schedule="scaled_linear",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )
    torch.testing.assert_close(
        other.alphas_cumprod.double(), schedule.signal[:1000].square(), atol=1e-6, rtol=0
    )
    other.set_timesteps(50)
    assert other.timesteps.tolist() == schedule.sampling_steps(50)
