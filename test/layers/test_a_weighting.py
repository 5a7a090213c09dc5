"""The A-weighting filter hears tones as the curve says."""

import numpy as np
import pytest
import torch

from espnet_tse.layers.a_weighting import AWeighting, a_weight


def gain_db(frequency: float, sample_rate: int = 16000) -> float:
    """Of a tone, away from the ends of the signal."""
    tone = torch.sin(
        2 * np.pi * frequency * torch.arange(sample_rate, dtype=torch.float64) / sample_rate
    ).float()
    heard = AWeighting(sample_rate)(tone[None])[0]
    return float(20 * torch.log10(heard[200:-200].std() / tone[200:-200].std()))


# IEC 61672-1, Table 3.
@pytest.mark.parametrize(
    "frequency, decibels", [(100, -19.1), (200, -10.9), (500, -3.2), (2000, 1.2), (8000, -1.1)]
)
def test_the_curve_is_that_of_the_standard(frequency, decibels):
    assert 20 * np.log10(a_weight(np.array([1000.0, frequency]))) == pytest.approx([0.0, decibels], abs=0.06)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
@pytest.mark.parametrize(
    "frequency, decibels, tolerance",
    [(100, -19.1, 2.0), (300, -7.1, 1.5), (1000, 0.0, 0.1), (3000, 1.2, 0.1)],
)
def test_tones_are_heard_as_the_curve_says(frequency, decibels, tolerance, sample_rate):
    assert gain_db(frequency, sample_rate) == pytest.approx(decibels, abs=tolerance)


def test_an_offset_is_not_heard_and_nothing_is_delayed():
    weighting = AWeighting(16000)
    assert weighting(torch.ones(1, 1000))[0, 500].abs() < 0.02
    click = torch.zeros(1, 401)
    click[0, 200] = 1.0
    heard = weighting(click)
    assert heard.shape == click.shape and int(heard.abs().argmax()) == 200
    torch.testing.assert_close(heard, heard.flip(1))
    assert not weighting.state_dict()
