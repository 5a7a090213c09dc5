"""A diffusion beside a mixture: noise of the target's shape becomes the target, whatever network predicts it."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Callable, Iterator

import torch
from torch import Tensor, nn

from espnet_tse.flow.diffusion_samplers import SAMPLERS
from espnet_tse.flow.noise_schedule import GROWTHS, NoiseSchedule, data_of, noisy, velocity_of
from espnet_tse.layers.row_generator import row_generator
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.schema import Conditions, DecodeConf, Frames, Prediction, Request, Streams

# What the network's output is; from each of them and the state the velocity follows.
OUTPUTS = ("velocity", "data")


@dataclass(frozen=True)
class DiffusionConfig:
    """Noise and criterion; the defaults are SoloSpeech's (arXiv:2505.19314)."""

    num_steps: int = 1000  # T
    first_beta: float = 8.5e-4
    last_beta: float = 1.2e-2
    growth: str = "roots"  # linear: the betas themselves grow linearly, not their roots
    zero_terminal: bool = True  # whether nothing of the target is left at the last step
    # Pairs of step and noise for each row of a training batch: to encode a mixture takes longer than to train on it.
    draws: int = 1
    output: str = "velocity"  # data: with a squared error in x_0, as DDTSE trains (arXiv:2309.13874)

    def __post_init__(self):
        if self.num_steps < 2 or not 0.0 < self.first_beta < self.last_beta < 1.0:
            raise ValueError(
                f"want num_steps of 2 or more and 0 < first_beta < last_beta < 1, got {self.num_steps}, "
                f"{self.first_beta}, {self.last_beta}."
            )
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}, want 1 or more.")
        for name, known in (("growth", GROWTHS), ("output", OUTPUTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} '{getattr(self, name)}' is none of {list(known)}.")


@dataclass(frozen=True)
class DiffusionDecode(DecodeConf):
    """Settings of ``Diffusion.generate``."""

    overlap_s: float = 2.0
    steps: int = 50
    sampler: str = "ddim"
    eta: float = 0.0  # noise that each step of ddim adds; 1 is the ancestral sampler

    @property
    def draws(self) -> bool:
        return True

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.steps < 1:
            faults.append(f"steps is {self.steps}, want 1 or more")
        if self.sampler not in SAMPLERS:
            faults.append(f"sampler '{self.sampler}' is none of {sorted(SAMPLERS)}")
        if not 0.0 <= self.eta <= 1.0:
            faults.append(f"eta is {self.eta}, want a share in [0, 1]")
        elif self.eta > 0 and self.sampler != "ddim":
            faults.append(f"eta: {self.eta} is for sampler: ddim; leave it out")
        return faults


def faults_of_steps(conf: DiffusionDecode, config: DiffusionConfig) -> list[str]:
    """More steps than training has, with the fix."""
    if conf.steps <= config.num_steps:
        return []
    return [f"steps: {conf.steps} is more than the {config.num_steps} of training; take fewer"]


class Diffusion(AbsGenerator):
    """x_t and the conditions, among them the stream ``mixture`` of the target's shape -> v."""

    config: DiffusionConfig

    def __init__(self, config: DiffusionConfig, stream: str):
        """
        Args:
            stream: name of what is predicted.
        """
        super().__init__()
        self.config, self.stream = config, stream
        self.schedule = NoiseSchedule(
            config.num_steps, config.first_beta, config.last_beta, config.zero_terminal, config.growth
        )

    @abstractmethod
    def network(self, conditions: Conditions) -> Callable[[Tensor, Tensor], Tensor]:
        """The function of (x_t (B, T, D), steps (B,)) under these conditions, whose own part is computed once."""

    def normalised(self, values: Tensor) -> Tensor:
        """x_0 of (B, T, D), about as large as noise; values that are so already stay."""
        return values

    def restored(self, data: Tensor) -> Tensor:
        """The inverse of ``normalised``."""
        return data

    def loss(self, conditions: Conditions, target: Frames) -> Tensor:
        """Mean over channels and valid frames of |v(x_t, t) - v|^2, t uniform (arXiv:2505.19314, Sec. III-C).

        In x_0 instead where that is what the network gives.
        """
        if self.training and self.config.draws > 1:
            index = torch.arange(len(target.lengths), device=target.lengths.device)
            index = index.repeat_interleave(self.config.draws)
            conditions, target = conditions.rows(index), target.rows(index)
        data, rows = self.normalised(target.values), len(target.lengths)
        # Validation draws are seeded, or epochs would be compared on different coins.
        generator = None if self.training else torch.Generator(data.device).manual_seed(0)
        steps = torch.randint(self.config.num_steps, (rows,), device=data.device, generator=generator)
        noise = torch.randn(data.shape, device=data.device, generator=generator)
        rates = self.schedule.at(steps, data)
        wanted = data if self.config.output == "data" else velocity_of(data, noise, rates)
        given = self.network(conditions)(noisy(data, noise, rates), steps)
        return error_of(given, replace(target, values=wanted))

    def states(self, conditions: Conditions, request: Request) -> Iterator[Tensor]:
        """x after each step, (B, T, D); padding means nothing."""
        conf, mixture = request.conf, conditions.streams["mixture"]
        network, generators = self.network(conditions), [
            row_generator(key, conf.seed) for key in request.keys
        ]

        def draw() -> Tensor:
            # Each row's noise by its own length, so that no batch mate counts.
            rows = [
                torch.randn(length, mixture.values.size(2), generator=generator)
                for length, generator in zip(mixture.lengths.tolist(), generators)
            ]
            return nn.utils.rnn.pad_sequence(rows, batch_first=True).to(mixture.values)

        def velocity(state: Tensor, step: int) -> Tensor:
            steps = torch.full((len(state),), step, device=state.device)
            given = network(state, steps).to(state)
            if self.config.output == "velocity":
                return given
            rates = self.schedule.at(step, state)
            return (rates.signal * state - given) / rates.noise

        yield from SAMPLERS[conf.sampler](velocity, draw(), conf.steps, self.schedule, conf.eta, draw)

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """What the last of the ``states`` stands for, zeros at padding."""
        mixture = conditions.streams["mixture"]
        *_, data = self.states(conditions, request)
        values = self.restored(data).masked_fill(mixture.padding_mask[..., None], 0.0)
        return Prediction(
            Streams({self.stream: replace(mixture, values=values)}),
            num_function_evaluations=request.conf.steps,
        )

    def mean_of_noise(self, conditions: Conditions, noise: Tensor) -> Tensor:
        """What one evaluation at the last step gives, (B, T, D): the mean of what may be under the noise."""
        last = self.config.num_steps - 1
        steps = torch.full((len(noise),), last, device=noise.device)
        given = self.network(conditions)(noise, steps).to(noise)
        if self.config.output == "velocity":
            given = data_of(noise, given, self.schedule.at(last, noise))
        return self.restored(given)

    def errors(self, conditions: Conditions, target: Frames) -> dict[str, Tensor]:
        """What one evaluation from seeded noise leaves of the mixture's squared error."""
        values = target.values
        generator = torch.Generator(values.device).manual_seed(0)
        noise = torch.randn(values.shape, device=values.device, generator=generator)
        return {
            "mse_one_step": error_of(self.mean_of_noise(conditions, noise), target),
            "mse_mixture": error_of(conditions.streams["mixture"].values, target),
        }


def error_of(values: Tensor, target: Frames) -> Tensor:
    """Mean squared error of (B, T, D) over channels and valid frames."""
    valid = ~target.padding_mask[..., None]
    return ((values.float() - target.values) * valid).square().sum() / (valid.sum() * values.size(2))
