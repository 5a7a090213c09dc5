"""A flow between mel spectrograms: a transformer predicts the velocity (Mask2Flow-TSE, arXiv:2603.12837)."""

from dataclasses import dataclass
from typing import Iterator

import torch
from torch import Tensor, nn

from espnet_tse.flow.ode_solvers import EVALUATIONS, SOLVERS
from espnet_tse.flow.straight_path import draw_times, point_at
from espnet_tse.io.scp import DataError
from espnet_tse.layers.diffusion_transformer import DiT, TimeEmbedding
from espnet_tse.layers.row_generator import row_generator
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.schema import Conditions, DecodeConf, Frames, Prediction, Request, Streams

STARTS = ("masked", "mixture", "noise")


@dataclass(frozen=True)
class MelFlowConfig:
    """71,976,400 parameters at the defaults with 80 bands and a speaker vector of 512; the paper says 72.6 M."""

    num_layers: int = 9
    width: int = 768
    num_heads: int = 8
    feedforward: int = 1152
    dropout: float = 0.1
    start: str = "masked"  # where the flow begins; mixture and noise are the paper's flow-only baselines
    # Each frame of the mixture beside that of the flow: what the mask has removed can come back.
    hears_mixture: bool = False
    at_start: float = 0.5  # share of the rows trained at t = 0, which is all that one step asks for
    drop_speaker: float = 0.1  # share of the rows trained without speaker, for guidance

    def __post_init__(self):
        if min(self.num_layers, self.width, self.num_heads, self.feedforward) < 1:
            raise ValueError(f"sizes of a flow must be positive: {self}.")
        if self.width % self.num_heads or self.width // self.num_heads % 2:
            raise ValueError(f"width {self.width} wants heads of one even width, not {self.num_heads} heads.")
        if self.start not in STARTS:
            raise ValueError(f"start '{self.start}' is none of {list(STARTS)}.")
        if self.start == "noise" and not self.hears_mixture:
            raise ValueError(
                "a flow with start: noise knows nothing of the mixture; set hears_mixture: true."
            )
        if not 0.0 <= self.at_start <= 1.0 or not 0.0 <= self.drop_speaker < 1.0:
            raise ValueError(
                f"at_start {self.at_start} and drop_speaker {self.drop_speaker} want shares in [0, 1]."
            )


@dataclass(frozen=True)
class MelFlowDecode(DecodeConf):
    """Settings of ``MelFlow.generate``; one step of Euler's method is the paper's."""

    max_chunk_s: float = 10.0
    overlap_s: float = 2.0
    steps: int = 1
    solver: str = "euler"
    guidance: float = 1.0  # w in v_null + w (v_speaker - v_null); 1 is the speaker's velocity alone

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.steps < 1:
            faults.append(f"steps is {self.steps}, want 1 or more")
        if self.solver not in SOLVERS:
            faults.append(f"solver '{self.solver}' is none of {sorted(SOLVERS)}")
        if self.guidance < 0:
            faults.append(f"guidance is {self.guidance}, want 0 or more")
        return faults

    @property
    def draws(self) -> bool:
        """Where the flow starts as noise; ``faults_of_decoding`` refuses candidates of others."""
        return True


def faults_of_decoding(conf: MelFlowDecode, config: MelFlowConfig) -> list[str]:
    """Settings that do not go with a flow, each with its fix."""
    faults = []
    if conf.candidates > 1 and config.start != "noise":
        faults.append(
            f"candidates: {conf.candidates} would all be the same, since a flow with start: {config.start} draws nothing; "
            "leave it out"
        )
    if conf.guidance != 1.0 and not config.drop_speaker:
        faults.append(
            f"guidance: {conf.guidance} is for flows that were trained without speaker, too, and this one has lm_conf: "
            "{drop_speaker: 0}; leave it out"
        )
    return faults


class MelFlow(AbsGenerator):
    """v(X_t, t, d) by a DiT that hears the speaker twice: in its norms, and beside each frame."""

    Config = MelFlowConfig

    def __init__(self, config: MelFlowConfig, num_mels: int, speaker_dim: int):
        super().__init__()
        self.config = config
        inputs = (2 if config.hears_mixture else 1) * num_mels + speaker_dim
        self.transformer = DiT(
            inputs,
            num_mels,
            config.num_layers,
            config.width,
            config.num_heads,
            config.feedforward,
            config.dropout,
        )
        self.time = TimeEmbedding(config.width)
        self.speaker = nn.Linear(speaker_dim, config.width)
        self.nobody = nn.Parameter(torch.zeros(speaker_dim))  # in place of a speaker's vector

    @classmethod
    def from_config(cls, config: MelFlowConfig, num_mels: int, speaker_dim: int) -> "MelFlow":
        return cls(config, num_mels, speaker_dim)

    def velocity(self, state: Tensor, time: Tensor, conditions: Conditions, speaker: Tensor) -> Tensor:
        """v(X_t, t, d).

        Args:
            state: (B, T, num_mels) X_t.
            time: (B,) t.
            conditions: with the stream ``mixture``, whose lengths are those of ``state``.
            speaker: (B, E) d.
        Returns:
            (B, T, num_mels); padding means nothing.
        """
        mixture = conditions.streams["mixture"]
        parts = [state, *([mixture.values] if self.config.hears_mixture else [])]
        values = torch.cat([*parts, speaker[:, None].expand(-1, state.size(1), -1)], dim=-1)
        condition = self.time(time) + self.speaker(speaker)
        return self.transformer(values, condition, mixture.padding_mask)

    def start(self, conditions: Conditions, noise: Tensor) -> Tensor:
        """x_0, (B, T, num_mels)."""
        if self.config.start == "noise":
            return noise
        return conditions.streams[self.config.start].values

    def loss(self, conditions: Conditions, target: Frames) -> Tensor:
        """Mean of |v(X_t, t, d) - (Y - x_0)|^2 over bands and valid frames (arXiv:2603.12837, Eq. 16)."""
        speaker = conditions.vectors["speaker"]
        # Validation draws are seeded, or epochs would be compared on different coins.
        generator = None if self.training else torch.Generator(speaker.device).manual_seed(0)
        noise = torch.randn(target.values.shape, device=speaker.device, generator=generator)
        start = self.start(conditions, noise)
        time = draw_times(len(speaker), self.config.at_start, speaker, generator)
        if self.training:
            dropped = torch.rand(len(speaker), device=speaker.device) < self.config.drop_speaker
            speaker = torch.where(dropped[:, None], self.nobody, speaker)
        state = point_at(time, start, target.values)
        error = self.velocity(state, time, conditions, speaker) - (target.values - start)
        valid = ~target.padding_mask[..., None]
        return (error * valid).square().sum() / (valid.sum() * error.size(-1))

    def states(self, conditions: Conditions, request: Request) -> Iterator[Tensor]:
        """The spectrogram after each step, (B, T, num_mels), zeros at padding; nothing is drawn unless it starts as noise.

        Args:
            request: its ``conf`` is a ``MelFlowDecode``.
        """
        conf, speaker = request.conf, conditions.vectors["speaker"]
        mixture = conditions.streams["mixture"]

        def velocity(state: Tensor, time: Tensor) -> Tensor:
            if conf.guidance == 1.0:
                return self.velocity(state, time, conditions, speaker)
            nobody = self.velocity(state, time, conditions, self.nobody.expand_as(speaker))
            return nobody + conf.guidance * (self.velocity(state, time, conditions, speaker) - nobody)

        noise = (
            row_noise(request.keys, conf.seed, mixture) if self.config.start == "noise" else mixture.values
        )
        for state in SOLVERS[conf.solver](velocity, self.start(conditions, noise), conf.steps):
            yield state.masked_fill(mixture.padding_mask[..., None], 0.0)

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """Stream ``mel``: the last of the ``states``.

        Raises:
            DataError: settings that do not go with the flow.
        """
        conf, mixture = request.conf, conditions.streams["mixture"]
        if faults := faults_of_decoding(conf, self.config):
            raise DataError("; ".join(faults) + ".")
        *_, values = self.states(conditions, request)
        calls = 1 if conf.guidance == 1.0 else 2
        return Prediction(
            Streams(mel=Frames(values, mixture.lengths, mixture.frame_rate)),
            num_function_evaluations=calls * conf.steps * EVALUATIONS[conf.solver],
        )


def row_noise(keys: list[str], seed: int, like: Frames) -> Tensor:
    """(B, T, D) of each row's own generator, zeros at padding."""
    width = like.values.size(2)
    rows = [
        torch.randn(length, width, generator=row_generator(key, seed))
        for key, length in zip(keys, like.lengths.tolist())
    ]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True).to(like.values)
