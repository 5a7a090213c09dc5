"""The bridge between data and mixture."""

import pytest
from scipy.integrate import quad

from espnet_tse.flow.bridge import Bridge


@pytest.mark.parametrize(
    "time, deviation",
    [
        (0.03, 0.124815),
        (0.1, 0.227473),
        (0.25, 0.357565),
        (0.5, 0.491685),
        (0.75, 0.537590),
        (0.9, 0.451932),
        (0.999, 0.058908),
    ],
)
def test_published_deviations(time, deviation):
    assert Bridge().deviation(time) == pytest.approx(deviation, abs=1e-6)


@pytest.mark.parametrize("time", [0.03, 0.25, 0.5, 0.9])
def test_closed_form_equals_the_integral(time):
    bridge = Bridge()
    integral, _ = quad(lambda s: bridge.squared_diffusion(s) / (1 - s) ** 2, 0, time)
    assert bridge.deviation(time) == pytest.approx((1 - time) * integral**0.5, abs=1e-7)


def test_diffusion_and_bounds():
    assert Bridge().squared_diffusion(0.5) == pytest.approx(1.352, abs=1e-9)
    with pytest.raises(ValueError, match="k above 1 and theta above 0"):
        Bridge(k=1.0)
