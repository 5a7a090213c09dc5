"""A first estimate and the mixture, corrected in one step of a bridge (SoloSpeech, arXiv:2505.19314; Fast-GeCo)."""

from dataclasses import dataclass, fields
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.flow.bridge import Bridge
from espnet_tse.io.slots import Slot
from espnet_tse.layers.framed_stft import CentredSTFT, FramedSTFT
from espnet_tse.layers.score_unet import ScoreUNet, ScoreUNetConfig

STARTS = ("mixture", "estimate")
EDGES = {"zeros": FramedSTFT, "reflected": CentredSTFT}
TINY = 1e-12  # of a squared magnitude: the slope at 0 is finite
SCALE = 0.15  # of compressed magnitudes, of spectra that are not divided by the window
Draw = Callable[[torch.Size], Tensor]  # normal values of a shape


@dataclass(frozen=True)
class SpectralCorrectorConfig(ScoreUNetConfig):
    """65,623,352 parameters at the defaults."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 510  # 256 bins
    hop_length: int = 128
    time: float = 0.5  # tau, at which the only step begins
    start: str = "mixture"  # estimate: the roles of the two are exchanged, as in Fast-GeCo (arXiv:2406.07461)
    k: float = 2.6
    theta: float = 0.52
    masked_share: float = 0.3  # the longest span of the estimate that training hides, of its samples
    # zeros: a frame in the middle of every hop. reflected: as released, a frame on every edge of a hop, of signals that are
    # mirrored at their ends, and what fills the frames up to a multiple has noise and is heard.
    edges: str = "zeros"

    def __post_init__(self):
        super().__post_init__()
        if self.edges not in EDGES:
            raise ValueError(f"edges '{self.edges}' is none of {list(EDGES)}.")
        EDGES[self.edges](self.n_fft, self.hop_length), self.bridge  # their checks
        if (self.n_fft // 2 + 1) % self.factor:
            raise ValueError(
                f"n_fft {self.n_fft} gives {self.n_fft // 2 + 1} bins, want a multiple of {self.factor} for "
                f"{len(self.multipliers)} resolutions."
            )
        if not 0.0 < self.time < 1.0 or not 0.0 <= self.masked_share < 1.0:
            raise ValueError(
                f"time {self.time} wants to be inside (0, 1) and masked_share {self.masked_share} in [0, 1)."
            )
        if self.start not in STARTS:
            raise ValueError(f"start '{self.start}' is none of {list(STARTS)}.")

    @property
    def bridge(self) -> Bridge:
        return Bridge(self.k, self.theta)


class SpectralCorrector(nn.Module):
    """One evaluation of a U-Net on compressed spectra of start, mixture and estimate."""

    Config = SpectralCorrectorConfig
    slots: dict[str, Slot] = {}

    def __init__(self, config: SpectralCorrectorConfig):
        super().__init__()
        self.config, self.stft = config, EDGES[config.edges](config.n_fft, config.hop_length)
        sizes = {field.name: getattr(config, field.name) for field in fields(ScoreUNetConfig)}
        self.network = ScoreUNet(ScoreUNetConfig(**sizes), 6, 2)

    @classmethod
    def from_config(cls, config: SpectralCorrectorConfig) -> "SpectralCorrector":
        return cls(config)

    def correct(self, mixture: Tensor, estimate: Tensor, lengths: Tensor, draws: list[Draw]) -> Tensor:
        """As ``corrected``, of padded rows; those of one length are computed together.

        Args:
            mixture, estimate: (B, N).
            lengths: (B,) samples.
            draws: B sources of noise.
        Returns:
            (B, N), zeros behind a row's length.
        """
        result = torch.zeros_like(mixture)
        for length in torch.unique(lengths).tolist():
            rows = (lengths == length).nonzero()[:, 0]
            noise = noise_of([draws[row] for row in rows.tolist()])
            result[rows, :length] = self.corrected(mixture[rows, :length], estimate[rows, :length], noise)
        return result

    def corrected(self, mixture: Tensor, estimate: Tensor, draw: Draw) -> Tensor:
        """X = X_tau - ((E - X_tau) / (1 - tau) - g(tau)^2 s) tau from X_tau = E + sigma(tau) Z, with s = -network.

        E is the mixture, or the estimate (``start``). Rows are divided by the peak of their mixture.

        Args:
            mixture, estimate: (b, N) unpadded rows.
            draw: noise; zeros give a correction without any.
        Returns:
            (b, N) at the mixture's level, up to a gain: the criterion does not hear it.
        """
        conf, bridge = self.config, self.config.bridge
        peak = mixture.abs().amax(dim=1, keepdim=True)
        peak = torch.where(peak > 0, peak, 1.0)
        ends = [self.compressed(signal / peak) for signal in (mixture, estimate)]
        end = ends[STARTS.index(conf.start)]
        # A complex normal number has half of its variance in each part.
        noise = torch.view_as_complex(draw(torch.Size([*end.shape, 2])).to(end.real)) * 2**-0.5
        state = end + bridge.deviation(conf.time) * noise
        drift = (end - state) / (1 - conf.time)
        score = -self.evaluated(state, *ends)
        spectrum = state - conf.time * (drift - bridge.squared_diffusion(conf.time) * score)
        return self.waveform(spectrum, mixture.size(1)) * peak

    def evaluated(self, *spectra: Tensor) -> Tensor:
        """The network's output for (b, T, F) complex spectra, likewise complex."""
        frames = spectra[0].size(1)
        maps = torch.cat([torch.view_as_real(spectrum).permute(0, 3, 2, 1) for spectrum in spectra], dim=1)
        maps = F.pad(maps, (0, -frames % self.config.factor))  # (b, 6, F, T')
        output = self.network(maps, torch.full_like(maps[:, 0, 0, 0], self.config.time))
        output = output[..., :frames].permute(0, 3, 2, 1).float()
        return torch.view_as_complex(output.contiguous())

    @property
    def scale(self) -> float:
        """Of magnitudes of ``stft``, whose window has a norm of 1, where that of a Hann window counts."""
        return SCALE * (3 / 8 * self.config.n_fft) ** 0.25

    def compressed(self, waveform: Tensor) -> Tensor:
        """c(S) = scale |S|^0.5 with S's phase: (b, N) -> (b, T, F) complex."""
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = self.analyzed(waveform.float())
            power = torch.view_as_real(spectrum).square().sum(dim=-1)
            return self.scale * spectrum * (power + TINY) ** -0.25

    def analyzed(self, waveform: Tensor) -> Tensor:
        """(b, N) -> (b, T, F) complex."""
        if self.reflected:
            spectrum = self.stft.analyze(waveform)
            return F.pad(spectrum, (0, 0, 0, -spectrum.size(1) % self.config.factor))
        return self.stft.analyze(F.pad(waveform, (0, -waveform.size(1) % self.config.hop_length)))

    @property
    def reflected(self) -> bool:
        return self.config.edges == "reflected"

    def waveform(self, spectrum: Tensor, num_samples: int) -> Tensor:
        """The inverse of ``compressed``: (b, T, F) -> (b, num_samples)."""
        with torch.autocast(spectrum.device.type, enabled=False):
            magnitude = (torch.view_as_real(spectrum).square().sum(dim=-1) + TINY).sqrt()
            spectrum = spectrum * magnitude / self.scale**2
            if self.reflected:
                return self.stft.synthesize(spectrum, num_samples)
            return self.stft.synthesize(spectrum)[:, :num_samples]

    def hidden_span(self, estimate: Tensor, lengths: Tensor) -> Tensor:
        """(B, N) with a span of zeros in each row, up to ``masked_share`` of its samples (B,), at a random place of it.

        Else the estimate would be enough, and the mixture, in which the target is to be found again, not heard.
        """
        if not self.config.masked_share:
            return estimate
        span, place = torch.rand(2, len(estimate), 1, device=estimate.device)
        longest = (self.config.masked_share * lengths[:, None].double()).floor().to(span)
        # A sample at least, unless the row is too short for one.
        span = (1 + (span * longest).floor()).minimum(longest)
        start = ((lengths[:, None] - span + 1) * place).floor()
        index = torch.arange(estimate.size(1), device=estimate.device)
        return estimate.masked_fill((index >= start) & (index < start + span), 0.0)


def noise_of(draws: list[Draw]) -> Draw:
    """One source for as many rows as there are sources."""
    return lambda shape: torch.stack([draw(shape[1:]) for draw in draws])
