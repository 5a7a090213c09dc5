"""Diffusion of maps: what the U-Net is handed, whose maps are whose, and the range of the data."""

from dataclasses import replace

import pytest
import torch
from factories import make_frames, take

from espnet_tse.flow.map_diffusion import MapDiffusion, MapDiffusionConfig, MapDiffusionDecode
from espnet_tse.schema import Conditions, Frames, Request, Streams, Vectors

BINS, E = 6, 3
SIZES = {"width": 8, "multipliers": (1, 2), "num_blocks": 1, "attention_level": 1}


def new_diffusion(channels: int = 2, **changes) -> MapDiffusion:
    torch.manual_seed(0)
    config = MapDiffusionConfig(**{**SIZES, **changes})
    return MapDiffusion(config, "spectrum", channels, BINS, E).eval()


def conditions(lengths=(9, 6), channels: int = 2, seed: int = 0) -> Conditions:
    mixture = make_frames(list(lengths), channels * BINS, 50.0, seed)
    generator = torch.Generator().manual_seed(seed)
    return Conditions(
        Streams(mixture=mixture), Vectors(speaker=torch.randn(len(lengths), E, generator=generator))
    )


def target(lengths=(9, 6), channels: int = 2) -> Frames:
    return make_frames(list(lengths), channels * BINS, 50.0, seed=5)


def row_of(given: Conditions, row: int) -> Conditions:
    return Conditions(
        Streams(mixture=take(given.streams["mixture"], row)),
        Vectors(speaker=given.vectors["speaker"][row : row + 1]),
    )


def request(keys=("a", "b"), **conf) -> Request:
    return Request(torch.full((len(keys),), 2880), list(keys), MapDiffusionDecode(**{"steps": 3, **conf}))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_network_is_handed_maps_of_bins_and_frames(channels):
    """With networks that give back what they hear first, or beside it."""
    diffusion, given = new_diffusion(channels, center=0.5, spread=2.0), conditions(channels=channels)
    state, steps, heard = target(channels=channels).values, torch.tensor([0, 999]), []

    class Echo(torch.nn.Module):
        def __init__(self, first: int):
            super().__init__()
            self.first = first

        def forward(self, maps, time, speaker):
            heard.append((maps, time, speaker))
            return maps[:, self.first : self.first + channels]

    mixture = (given.streams["mixture"].values - 0.5) / 2
    for first, wanted in ((0, state), (channels, mixture)):
        diffusion.unet = Echo(first)
        found = diffusion.network(given)(state, steps)
        for row, length in enumerate((9, 6)):
            torch.testing.assert_close(found[row, :length], wanted[row, :length])
    maps, time, speaker = heard[1]  # the longer row comes last
    assert maps.shape == (1, 2 * channels, BINS, 10)
    torch.testing.assert_close(maps[0, channels - 1, :, 4], state[0, 4, -BINS:])
    torch.testing.assert_close(time, torch.tensor([1e-3]))
    assert torch.equal(speaker, given.vectors["speaker"][:1])


def test_rows_do_not_hear_padding_or_each_other():
    diffusion, given, wanted = new_diffusion(), conditions(), target()
    loss = diffusion.loss(given, wanted)
    together = diffusion.generate(given, request()).streams["spectrum"].values
    for part in (given.streams["mixture"], wanted):
        part.values[part.padding_mask] = 30.0
    torch.testing.assert_close(diffusion.loss(given, wanted), loss)
    for row, (key, length) in enumerate(zip("ab", (9, 6))):
        alone = diffusion.generate(row_of(given, row), request(key)).streams["spectrum"].values
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-5, rtol=1e-4)
        assert not together[row, length:].any()


@pytest.mark.parametrize("conf", [{}, {"eta": 1.0}, {"sampler": "dpm_solver"}])
def test_an_ensemble_is_the_mean_of_its_draws(conf):
    diffusion, given = new_diffusion(), conditions()
    runs = [
        diffusion.generate(given, request((f"a#{n}", f"b#{n}"), **conf)).streams["spectrum"].values
        for n in range(3)
    ]
    assert not torch.allclose(runs[0], runs[1], atol=1e-3)
    found = diffusion.generate(given, request(ensemble=3, **conf))
    stream = found.streams["spectrum"]
    torch.testing.assert_close(stream.values, sum(runs) / 3, atol=1e-5, rtol=1e-4)
    assert stream.lengths.tolist() == [9, 6] and found.num_function_evaluations == 9


def test_it_hears_step_mixture_and_speaker():
    diffusion, given, other = new_diffusion(), conditions(), conditions(seed=1)
    state, steps = target().values, torch.tensor([500, 500])
    usual = diffusion.network(given)(state, steps)
    for changed, at in (
        (given, steps + 300),
        (replace(given, streams=other.streams), steps),
        (replace(given, vectors=other.vectors), steps),
    ):
        assert not torch.allclose(diffusion.network(changed)(state, at), usual, atol=1e-5)


def test_range_of_the_data():
    diffusion = new_diffusion(center=0.5, spread=2.0)
    values = torch.tensor([-1.5, 0.5, 2.5])
    torch.testing.assert_close(diffusion.normalised(values), torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(diffusion.restored(diffusion.normalised(values)), values)
    # The criterion is in units of the noise: a network that says nothing errs by the variances of both.
    diffusion.network = lambda conditions: lambda state, steps: torch.zeros_like(state)
    length = 4000
    wanted = Frames(0.5 + 2.0 * torch.randn(1, length, 2 * BINS), torch.tensor([length]), 50.0)
    loss = diffusion.loss(conditions((length,)), wanted)
    assert float(loss) == pytest.approx(1.0, abs=0.05)


def test_one_evaluation_gives_the_mean_in_the_unit_of_the_values():
    diffusion, given = new_diffusion(center=0.5, spread=2.0), conditions()
    diffusion.network = lambda conditions: lambda state, steps: torch.full_like(state, -0.25)
    found = diffusion.mean_of_noise(given, torch.randn(2, 9, 2 * BINS))
    torch.testing.assert_close(found, torch.full_like(found, 1.0))  # x_0 = -v
    errors = diffusion.errors(given, replace(target(), values=torch.ones(2, 9, 2 * BINS)))
    assert float(errors["mse_one_step"]) == pytest.approx(0.0, abs=1e-10) and errors["mse_mixture"] > 0


def test_a_saved_diffusion_gives_the_same_bits():
    diffusion, other = new_diffusion(), MapDiffusion(MapDiffusionConfig(**SIZES), "spectrum", 2, BINS, E)
    other.eval().load_state_dict(diffusion.state_dict())
    found = [one.generate(conditions(), request()).streams["spectrum"].values for one in (diffusion, other)]
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"spread": 0.0}, "spread is 0.0, want a number above 0"),
        ({"width": 12}, "multiple of 8"),
        ({"attention_level": (0, 2)}, r"attention_level is \(0, 2\), want 0 .. 1"),
        ({"growth": "cubic"}, "growth 'cubic' is none of"),
        ({"output": "noise"}, "output 'noise' is none of"),
        ({"draws": 0}, "draws is 0"),
        ({"last_beta": 1.5}, "0 < first_beta < last_beta < 1"),
    ],
)
def test_bad_settings(conf, message):
    with pytest.raises(ValueError, match=message):
        new_diffusion(**conf)


def test_bad_decodings_and_bins():
    for conf, message in (
        ({"ensemble": 0}, "ensemble is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"sampler": "heun"}, "sampler 'heun' is none of"),
        ({"sampler": "dpm_solver", "eta": 0.5}, "eta: 0.5 is for sampler: ddim"),
    ):
        with pytest.raises(ValueError, match=message):
            MapDiffusionDecode(**conf)
    with pytest.raises(ValueError, match="gives 7 bins, want a multiple of 2 for the 2 resolutions"):
        MapDiffusion(MapDiffusionConfig(**SIZES), "mel", 1, 7, E)
