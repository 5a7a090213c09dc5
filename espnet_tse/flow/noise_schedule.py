"""The noise of a diffusion: what is left of the data at each step, and how one quantity follows from two others."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROWTHS = ("roots", "linear")


class Rates(NamedTuple):
    """x_t = signal * x_0 + noise * eps; the squares sum to 1."""

    signal: Tensor  # r
    noise: Tensor  # q


class NoiseSchedule(nn.Module):
    """Betas that grow, rescaled so that nothing of the data is left at the last step.

    beta_i = (sqrt(b_0) + i / (T - 1) (sqrt(b_1) - sqrt(b_0)))^2, or b_0 + i / (T - 1) (b_1 - b_0); r_i the root of the
    product of 1 - beta_j up to i, then r_i <- (r_i - r_last) r_0 / (r_0 - r_last) (arXiv:2305.08891, Sec. 3.1): without
    it r_last would be 0.068 at SoloSpeech's betas, and what sampling starts from another noise than training has seen.
    """

    def __init__(
        self,
        num_steps: int,
        first_beta: float,
        last_beta: float,
        zero_terminal: bool = True,
        growth: str = "roots",
    ):
        """
        Args:
            growth: of ``GROWTHS``, what of the betas grows linearly.
        """
        super().__init__()
        self.num_steps = num_steps
        power = 0.5 if growth == "roots" else 1.0
        betas = torch.linspace(first_beta**power, last_beta**power, num_steps, dtype=torch.float64)
        signal = (1 - betas ** (1 / power)).cumprod(dim=0).sqrt()
        if zero_terminal:
            signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
        # One more entry: behind the last step of sampling, index -1, is the data.
        signal = F.pad(signal, (0, 1), value=1.0)
        self.register_buffer("signal", signal, persistent=False)
        self.register_buffer("noise", (1 - signal.square()).sqrt(), persistent=False)

    def at(self, steps: Tensor | int, like: Tensor) -> Rates:
        """Rates of steps 0 .. T - 1, those of the data for -1.

        Args:
            steps: int64, (B,) or one of all.
            like: (B, ...), of which the rates get type, device and number of axes.
        """
        size = (-1, *[1] * (like.dim() - 1)) if isinstance(steps, Tensor) else ()
        return Rates(*(table[steps].to(like).view(size) for table in (self.signal, self.noise)))

    def sampling_steps(self, number: int) -> list[int]:
        """``number`` steps from T - 1 downwards, "trailing" (arXiv:2305.08891, Table 2)."""
        if not 1 <= number <= self.num_steps:
            raise ValueError(f"steps is {number}, want 1 .. {self.num_steps}.")
        return [round(self.num_steps - n * self.num_steps / number) - 1 for n in range(number)]


def noisy(data: Tensor, noise: Tensor, rates: Rates) -> Tensor:
    """x_t."""
    return rates.signal * data + rates.noise * noise


def velocity_of(data: Tensor, noise: Tensor, rates: Rates) -> Tensor:
    """v = r eps - q x_0 (arXiv:2202.00512, App. D)."""
    return rates.signal * noise - rates.noise * data


def data_of(state: Tensor, velocity: Tensor, rates: Rates) -> Tensor:
    """x_0 = r x_t - q v."""
    return rates.signal * state - rates.noise * velocity


def noise_of(state: Tensor, velocity: Tensor, rates: Rates) -> Tensor:
    """eps = q x_t + r v."""
    return rates.noise * state + rates.signal * velocity
