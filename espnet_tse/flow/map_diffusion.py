"""Diffusion of mel or complex spectra by a U-Net that hears them as maps of bins and frames."""

from dataclasses import dataclass, fields, replace
from typing import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_tse.flow.diffusion import Diffusion, DiffusionConfig, DiffusionDecode
from espnet_tse.layers.score_unet import ScoreUNet, ScoreUNetConfig
from espnet_tse.schema import Conditions, Prediction, Request, Streams


@dataclass(frozen=True)
class MapDiffusionConfig(DiffusionConfig, ScoreUNetConfig):
    """Noise, criterion and NCSN++, whose sizes at the defaults are those of a corrector."""

    # x_0 = (value - center) / spread, about as large as the noise beside it.
    center: float = 0.0
    spread: float = 1.0

    def __post_init__(self):
        ScoreUNetConfig.__post_init__(self)
        DiffusionConfig.__post_init__(self)
        if self.spread <= 0:
            raise ValueError(f"spread is {self.spread}, want a number above 0.")


@dataclass(frozen=True)
class MapDiffusionDecode(DiffusionDecode):
    """Settings of an extraction by ``MapDiffusion``."""

    max_chunk_s: float = 10.0
    ensemble: int = 1  # draws of which the mean is the estimate, as in Diff-TSE (arXiv:2308.03987)

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.ensemble < 1:
            faults.append(f"ensemble is {self.ensemble}, want 1 or more")
        return faults


class MapDiffusion(Diffusion):
    """Maps of x_t beside those of the mixture -> maps of v; the speaker's vector shifts the time's embedding."""

    Config = MapDiffusionConfig

    def __init__(
        self, config: MapDiffusionConfig, stream: str, num_channels: int, num_bins: int, speaker_dim: int
    ):
        """
        Args:
            stream: name of what is predicted.
            num_channels: maps of a signal, one after the other in each of its frames: 2 of a complex spectrum.
            num_bins: of each map.
        Raises:
            ValueError: bins that cannot be halved as often as the network does.
        """
        super().__init__(config, stream)
        if num_bins % config.factor:
            raise ValueError(
                f"encoder_conf gives {num_bins} bins, want a multiple of {config.factor} for the "
                f"{len(config.multipliers)} resolutions of lm_conf (n_fft: 510 gives 256)."
            )
        self.num_channels, self.num_bins = num_channels, num_bins
        sizes = {field.name: getattr(config, field.name) for field in fields(ScoreUNetConfig)}
        # v is about as large at all steps, a score is not.
        self.unet = ScoreUNet(
            ScoreUNetConfig(**sizes), 2 * num_channels, num_channels, cue_dim=speaker_dim, of_score=False
        )

    @classmethod
    def from_config(
        cls, config: MapDiffusionConfig, stream: str, num_channels: int, num_bins: int, speaker_dim: int
    ) -> "MapDiffusion":
        return cls(config, stream, num_channels, num_bins, speaker_dim)

    def normalised(self, values: Tensor) -> Tensor:
        return (values - self.config.center) / self.config.spread

    def restored(self, data: Tensor) -> Tensor:
        return data * self.config.spread + self.config.center

    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """The mean of ``ensemble`` draws of each row in one batch; the nth one draws as the key ``key#n`` would."""
        number = request.conf.ensemble
        if number == 1:
            return super().generate(conditions, request)
        rows = torch.arange(len(request.keys), device=request.num_samples.device).repeat_interleave(number)
        keys = [f"{key}#{n}" for key in request.keys for n in range(number)]
        drawn = super().generate(conditions.rows(rows), replace(request.rows(rows), keys=keys))
        mean = drawn.streams[self.stream].values.unflatten(0, (-1, number)).mean(dim=1)
        return Prediction(
            Streams({self.stream: replace(conditions.streams["mixture"], values=mean)}),
            num_function_evaluations=number * drawn.num_function_evaluations,
        )

    def network(self, conditions: Conditions) -> Callable[[Tensor, Tensor], Tensor]:
        mixture, speaker = conditions.streams["mixture"], conditions.vectors["speaker"]
        heard = self.normalised(mixture.values)
        # Norms and attention look at whole maps, so rows of one length are computed together, and without padding.
        groups = [
            (length, (mixture.lengths == length).nonzero()[:, 0])
            for length in torch.unique(mixture.lengths).tolist()
        ]

        def output(state: Tensor, steps: Tensor) -> Tensor:
            result = torch.zeros_like(state)
            for length, rows in groups:
                frames = torch.stack([state[rows, :length], heard[rows, :length].to(state)], dim=1)
                result[rows, :length] = self.evaluated(frames, steps[rows], speaker[rows]).to(state)
            return result

        return output

    def evaluated(self, frames: Tensor, steps: Tensor, speaker: Tensor) -> Tensor:
        """The U-Net's output for unpadded rows.

        Args:
            frames: (b, 2, T, D) of x_t and mixture.
            steps: (b,).
            speaker: (b, E).
        Returns:
            (b, T, D).
        """
        num_frames = frames.size(2)
        maps = frames.unflatten(3, (self.num_channels, self.num_bins))  # (b, 2, T, C, F)
        maps = maps.permute(0, 1, 3, 4, 2).flatten(1, 2)  # (b, 2C, F, T)
        maps = F.pad(maps, (0, -num_frames % self.config.factor))
        time = (steps + 1) / self.config.num_steps  # in (0, 1]
        output = self.unet(maps, time, speaker)[..., :num_frames]
        return output.permute(0, 3, 1, 2).flatten(2)
