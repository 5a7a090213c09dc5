"""Diffusion of latents by SoloSpeech's transformer: noise beside the mixture's latents becomes the target's."""

from dataclasses import dataclass, fields, replace
from typing import Callable, Iterator

import torch
from torch import Tensor, nn

from espnet_tse.flow.diffusion_samplers import SAMPLERS
from espnet_tse.flow.noise_schedule import NoiseSchedule, data_of, noisy, velocity_of
from espnet_tse.layers.normed_attention import KeysValues
from espnet_tse.layers.row_generator import row_generator
from espnet_tse.layers.skip_diffusion_transformer import SkipDiT, SkipDiTConfig
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.schema import Conditions, DecodeConf, Frames, Prediction, Request, Streams

# What the network's output is; from each of them and the state the velocity follows.
OUTPUTS = ("velocity", "data")


@dataclass(frozen=True)
class LatentDiffusionConfig(SkipDiTConfig):
    """179,131,520 parameters at the defaults with latents of 128 and a context of 384 (arXiv:2505.19314)."""

    num_steps: int = 1000  # T
    first_beta: float = 8.5e-4
    last_beta: float = 1.2e-2
    zero_terminal: bool = True  # whether nothing of the target is left at the last step
    # Pairs of step and noise for each row of a training batch: to encode a mixture takes longer than to train on it.
    draws: int = 1
    output: str = "velocity"  # data: with a squared error in x_0, as DDTSE trains (arXiv:2309.13874)

    def __post_init__(self):
        super().__post_init__()
        if self.num_steps < 2 or not 0.0 < self.first_beta < self.last_beta < 1.0:
            raise ValueError(
                f"want num_steps of 2 or more and 0 < first_beta < last_beta < 1, got {self.num_steps}, "
                f"{self.first_beta}, {self.last_beta}."
            )
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}, want 1 or more.")
        if self.output not in OUTPUTS:
            raise ValueError(f"output '{self.output}' is none of {list(OUTPUTS)}.")


@dataclass(frozen=True)
class LatentDiffusionDecode(DecodeConf):
    """Settings of ``LatentDiffusion.generate``: the paper's steps; of its 8 candidates one."""

    max_chunk_s: float = 20.0
    overlap_s: float = 2.0
    steps: int = 50  # the released scripts take 200
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


class LatentDiffusion(AbsGenerator):
    """x_t beside the mixture's latents -> v, for an enrollment that is looked at or that shifts the time's embedding."""

    Config = LatentDiffusionConfig

    def __init__(
        self,
        config: LatentDiffusionConfig,
        latent_dim: int,
        context_dim: int | None = None,
        speaker_dim: int | None = None,
    ):
        """
        Args:
            context_dim: of the stream ``enrollment``; None without one.
            speaker_dim: of the vector ``speaker``; None without one.
        """
        super().__init__()
        self.config = config
        self.schedule = NoiseSchedule(
            config.num_steps, config.first_beta, config.last_beta, config.zero_terminal
        )
        sizes = SkipDiTConfig(**{field.name: getattr(config, field.name) for field in fields(SkipDiTConfig)})
        self.transformer = SkipDiT(sizes, 2 * latent_dim, latent_dim, context_dim)
        self.speaker = None if speaker_dim is None else nn.Linear(speaker_dim, config.width)

    @classmethod
    def from_config(cls, config: LatentDiffusionConfig, **sizes: int | None) -> "LatentDiffusion":
        return cls(config, **sizes)

    def loss(self, conditions: Conditions, target: Frames) -> Tensor:
        """Mean over channels and valid frames of |v(x_t, t) - v|^2, t uniform (arXiv:2505.19314, Sec. III-C).

        In x_0 instead where that is what the network gives.
        """
        if self.training and self.config.draws > 1:
            index = torch.arange(len(target.lengths), device=target.lengths.device)
            index = index.repeat_interleave(self.config.draws)
            conditions, target = conditions.rows(index), target.rows(index)
        data, rows = target.values, len(target.lengths)
        # Validation draws are seeded, or epochs would be compared on different coins.
        generator = None if self.training else torch.Generator(data.device).manual_seed(0)
        steps = torch.randint(self.config.num_steps, (rows,), device=data.device, generator=generator)
        noise = torch.randn(data.shape, device=data.device, generator=generator)
        rates = self.schedule.at(steps, data)
        wanted = data if self.config.output == "data" else velocity_of(data, noise, rates)
        given = self.network(conditions)(noisy(data, noise, rates), steps)
        valid = ~target.padding_mask[..., None]
        return ((given.float() - wanted) * valid).square().sum() / (valid.sum() * data.size(2))

    def network(self, conditions: Conditions) -> Callable[[Tensor, Tensor], Tensor]:
        """The function of (x_t, steps (B,)) under these conditions, whose own part is computed once."""
        mixture, context = conditions.streams["mixture"], conditions.streams.get("enrollment")
        allowed, context_allowed = mask_of(mixture), None if context is None else mask_of(context)
        seen: list[KeysValues | None] = self.transformer.prepare(None if context is None else context.values)
        beside = None if self.speaker is None else self.speaker(conditions.vectors["speaker"])

        def output(state: Tensor, steps: Tensor) -> Tensor:
            values = torch.cat([state, mixture.values.to(state)], dim=-1)
            time = steps / self.config.num_steps
            return self.transformer(values, time, seen, allowed, context_allowed, beside)

        return output

    def states(self, conditions: Conditions, request: Request) -> Iterator[Tensor]:
        """The latents after each step, (B, T, D); padding means nothing."""
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
        """Stream ``latent``: the last of the ``states``."""
        mixture = conditions.streams["mixture"]
        *_, values = self.states(conditions, request)
        values = values.masked_fill(mixture.padding_mask[..., None], 0.0)
        return Prediction(
            Streams(latent=replace(mixture, values=values)), num_function_evaluations=request.conf.steps
        )

    def mean_of_noise(self, conditions: Conditions, noise: Tensor) -> Tensor:
        """The data that one evaluation at the last step gives, (B, T, D): the mean of what may be under the noise."""
        last = self.config.num_steps - 1
        steps = torch.full((len(noise),), last, device=noise.device)
        given = self.network(conditions)(noise, steps).to(noise)
        return given if self.config.output == "data" else data_of(noise, given, self.schedule.at(last, noise))


def mask_of(frames: Frames) -> Tensor | None:
    """(B, T) bool of valid frames; None where all are, which attention computes faster."""
    padding = frames.padding_mask
    # On a GPU the question would wait for what is computed there.
    return ~padding if padding.is_cuda or bool(padding.any()) else None
