"""Flows of one step between complex spectra, from the background or from the mixture to the target."""

from dataclasses import dataclass, fields, replace
from typing import Iterator

import torch
from torch import Tensor, nn

from espnet_tse.flow.average_velocity import consistency_target, identity_target
from espnet_tse.flow.intervals import draw_intervals
from espnet_tse.flow.mixing_ratio import RatioPredictor, level_at, mixing_of
from espnet_tse.flow.ode_solvers import EVALUATIONS, SOLVERS
from espnet_tse.flow.spectral_velocity import SpectralVelocity, SpectralVelocityConfig
from espnet_tse.flow.straight_path import point_at
from espnet_tse.io.scp import DataError
from espnet_tse.layers.mean_over_time import mean_over_time
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.schema import Conditions, DecodeConf, Frames, Prediction, Request, Streams

PATHS = ("background", "mixture")
OBJECTIVES = ("velocity", "mean", "alpha")
RATIOS = ("predicted", "oracle")
ALPHA = 0.1


@dataclass(frozen=True)
class SpectralFlowConfig(SpectralVelocityConfig):
    """Three published systems are points of it; sizes, shares and alpha are ours.

    AD-FlowTSE (arXiv:2510.16995): background, velocity. MeanFlow-TSE (arXiv:2512.18572): background, mean. AlphaFlowTSE
    (arXiv:2603.10701): mixture, alpha.
    """

    path: str = (
        "background"  # where x_0 lies; from the background the mixture is a point on the way, at t = r
    )
    objective: str = (
        "velocity"  # flow matching; or average velocities, by a derivative (mean) or without one (alpha)
    )
    at_start: float = 0.5  # share of the rows trained at what one step of decoding asks for
    instant: float = 0.25  # share of the rows trained with s = t; of objective velocity all are
    alpha: float = ALPHA  # of objective alpha: share of an interval that is covered by the velocity itself
    ratio_width: int = 256  # of the predictor of the mixing ratio, on the path from the background
    ratio_blocks: int = 4
    ratio_weight: float = 1.0  # of its squared error

    def __post_init__(self):
        super().__post_init__()
        for name, known in (("path", PATHS), ("objective", OBJECTIVES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} '{getattr(self, name)}' is none of {list(known)}.")
        if min(self.at_start, self.instant) < 0.0 or self.at_start + self.instant > 1.0:
            raise ValueError(
                f"at_start {self.at_start} and instant {self.instant} want shares whose sum is at most 1."
            )
        if not 0.0 < self.alpha <= 1.0:
            raise ValueError(f"alpha is {self.alpha}, want a share in (0, 1].")
        if self.objective != "alpha" and self.alpha != ALPHA:
            raise ValueError(f"alpha: {self.alpha} is for objective: alpha; leave it out.")
        if min(self.ratio_width, self.ratio_blocks) < 1 or self.ratio_weight < 0.0:
            raise ValueError(
                f"ratio_width {self.ratio_width}, ratio_blocks {self.ratio_blocks} and ratio_weight {self.ratio_weight} "
                "want positive sizes and a weight of 0 or more."
            )


@dataclass(frozen=True)
class SpectralFlowDecode(DecodeConf):
    """Settings of ``SpectralFlow.generate``; one step is what it was made for."""

    max_chunk_s: float = 10.0
    overlap_s: float = 2.0
    steps: int = 1
    solver: str = "euler"  # of objective velocity; average velocities need none
    ratio: str = "predicted"  # oracle: from the target, which is given; no result of extraction

    @property
    def wants_truth(self) -> bool:
        return self.ratio == "oracle"

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.steps < 1:
            faults.append(f"steps is {self.steps}, want 1 or more")
        if self.solver not in SOLVERS:
            faults.append(f"solver '{self.solver}' is none of {sorted(SOLVERS)}")
        if self.ratio not in RATIOS:
            faults.append(f"ratio '{self.ratio}' is none of {list(RATIOS)}")
        return faults


def faults_of_decoding(conf: SpectralFlowDecode, config: SpectralFlowConfig) -> list[str]:
    """Settings that do not go with a flow, each with its fix."""
    faults = []
    if conf.ratio == "oracle" and config.path == "mixture":
        faults.append(
            "ratio: oracle is for path: background; a flow from the mixture has no ratio: leave it out"
        )
    if conf.solver != "euler" and config.objective != "velocity":
        faults.append(
            f"solver: {conf.solver} is for objective: velocity; a step of an average velocity is exact: leave it out"
        )
    return faults


@dataclass
class Ends:
    """The path of each row of a training batch."""

    start: Tensor  # (B, T, 2F) x_0
    end: Tensor  # (B, T, 2F) x_1
    begin: Tensor  # (B,) where on it the mixture lies, and decoding begins: r, or 0


class SpectralFlow(AbsGenerator):
    """u(x_t, t, s, d) on the straight path from x_0 to the target, and where on it the mixture lies."""

    Config = SpectralFlowConfig

    def __init__(self, config: SpectralFlowConfig, num_bins: int, speaker_dim: int):
        super().__init__()
        self.config = config
        sizes = {field.name: getattr(config, field.name) for field in fields(SpectralVelocityConfig)}
        self.velocity = SpectralVelocity(
            SpectralVelocityConfig(**sizes), num_bins, speaker_dim, config.objective != "velocity"
        )
        self.ratio = None
        if config.path == "background":
            self.ratio = RatioPredictor(num_bins, speaker_dim, config.ratio_width, config.ratio_blocks)

    @classmethod
    def from_config(cls, config: SpectralFlowConfig, num_bins: int, speaker_dim: int) -> "SpectralFlow":
        return cls(config, num_bins, speaker_dim)

    def loss(self, conditions: Conditions, ends: Ends) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over bins and valid frames of |u(x_t, t, s) - target|^2, and the predictor's squared error of r."""
        # Validation draws are seeded, or epochs would be compared on different coins.
        generator = None if self.training else torch.Generator(ends.begin.device).manual_seed(0)
        time, end = draw_intervals(ends.begin, self.config.at_start, self.config.instant, generator)
        end = time if self.config.objective == "velocity" else end
        state, speed = point_at(time, ends.start, ends.end), ends.end - ends.start
        target = self.target(state, speed, time, end, conditions)
        error = self.velocity(state, time, end, conditions).float() - target
        valid = ~conditions.streams["mixture"].padding_mask[..., None]
        loss = (error * valid).square().sum() / (valid.sum() * error.size(-1))
        if self.ratio is None:
            return loss, {}
        error = (self.predicted(conditions) - ends.begin).square()
        stats = {"loss_flow": loss, "loss_ratio": mean_over_time(error, conditions.streams["mixture"].lengths)}
        return loss + self.config.ratio_weight * stats["loss_ratio"], stats

    def target(
        self, state: Tensor, speed: Tensor, time: Tensor, end: Tensor, conditions: Conditions
    ) -> Tensor:
        """What u(x_t, t, s) is to be, (B, T, 2F) without gradient: v where s = t."""
        wide = (end > time).nonzero()[:, 0]
        if len(wide) == 0:
            return speed
        heard = conditions.rows(wide)

        def network(state: Tensor, time: Tensor, end: Tensor) -> Tensor:
            return self.velocity(state, time, end, heard)

        rows = [values[wide] for values in (state, speed, time, end)]
        if self.config.objective == "mean":
            found = identity_target(network, *rows)
        else:
            found = consistency_target(network, *rows, self.config.alpha)
        return speed.index_copy(0, wide, found)

    def predicted(self, conditions: Conditions) -> Tensor:
        """r of each mixture, (B,)."""
        return self.ratio(conditions.streams["mixture"], conditions.vectors["speaker"])

    def begin(self, conditions: Conditions, request: Request) -> Tensor:
        """(B,) where on the path each mixture lies.

        Raises:
            DataError: ``ratio: oracle`` without the stream ``target`` of what is given, (B, N, 1) samples, or the
                stream without it.
        """
        given = None if request.given is None else request.given.streams.get("target")
        if request.conf.wants_truth != (given is not None):
            fault = (
                "lacks the target; give it"
                if request.conf.wants_truth
                else "does not read the target that is given; leave it out"
            )
            raise DataError(f"ratio: {request.conf.ratio} {fault} (given, stream 'target').")
        if self.config.path == "mixture":
            return torch.zeros_like(conditions.vectors["speaker"][:, 0])
        if given is None:
            return self.predicted(conditions)
        mixture = conditions.mixture_waveform
        # Rows taken from a batch may have another padding than the mixtures have.
        target = nn.functional.pad(given.values[..., 0], (0, mixture.size(1) - given.values.size(1)))
        return mixing_of(mixture, target, conditions.mixture_num_samples).ratio

    def states(self, conditions: Conditions, begin: Tensor, conf: SpectralFlowDecode) -> Iterator[Tensor]:
        """x after each step from t = ``begin`` to 1, (B, T, 2F); nothing is drawn."""
        span, mixture = 1.0 - begin, conditions.streams["mixture"].values
        start = mixture * level_at(begin)[:, None, None]

        def velocity(state: Tensor, share: Tensor) -> Tensor:
            # The solvers' time runs from 0 to 1 while t runs from ``begin`` to 1. An average velocity is that of the whole step.
            time = begin + span * share
            end = time if self.config.objective == "velocity" else time + span / conf.steps
            return span[:, None, None] * self.velocity(state, time, end, conditions).float()

        yield from SOLVERS[conf.solver](velocity, start, conf.steps)

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """Stream ``spectrum``, the target where the mixture has an RMS of 1; zeros at padding.

        Args:
            request: its ``conf`` is a ``SpectralFlowDecode``.
        Raises:
            DataError: settings that do not go with the flow; see also ``begin``.
        """
        conf, mixture = request.conf, conditions.streams["mixture"]
        if faults := faults_of_decoding(conf, self.config):
            raise DataError("; ".join(faults) + ".")
        begin = self.begin(conditions, request)
        *_, values = self.states(conditions, begin, conf)
        if self.config.path == "background":
            values = values * (begin / level_at(begin))[:, None, None]
        values = values.masked_fill(mixture.padding_mask[..., None], 0.0)
        return Prediction(
            Streams(spectrum=replace(mixture, values=values)),
            num_function_evaluations=conf.steps * EVALUATIONS[conf.solver],
        )
