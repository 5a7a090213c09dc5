"""A diffusion that ends at a given point instead of at noise: dX = (E - X) / (1 - t) dt + g(t) dW (BBED, arXiv:2302.14748)."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Bridge:
    """g(t) = sqrt(theta) k^t for t in (0, 1); X_0 are the data, the end E is reached at 1."""

    k: float = 2.6
    theta: float = 0.52

    def __post_init__(self):
        if self.k <= 1.0 or self.theta <= 0.0:
            raise ValueError(f"a bridge wants k above 1 and theta above 0, not {self.k} and {self.theta}.")

    def squared_diffusion(self, time: float) -> float:
        """g(t)^2."""
        return self.theta * self.k ** (2 * time)

    def deviation(self, time: float) -> float:
        """sigma(t) of X_t around (1 - t) X_0 + t E: sigma^2 = (1 - t)^2 int_0^t g(s)^2 / (1 - s)^2 ds, in closed form."""
        from scipy.special import expi

        log_k = math.log(self.k)
        integral = expi(2 * (time - 1) * log_k) - expi(-2 * log_k)
        variance = self.k ** (2 * time) - 1 + time + 2 * self.k**2 * log_k * (1 - time) * float(integral)
        return math.sqrt(self.theta * (1 - time) * variance)
