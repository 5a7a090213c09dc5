"""SoloSpeech's time-frequency VAE: a spectrogram through TF-GridNet blocks becomes 50 latents a second (arXiv:2505.19314)."""

from dataclasses import dataclass, fields
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.layers.framed_stft import FramedSTFT
from espnet_tse.layers.grid_block import GridBlock, GridConfig
from espnet_tse.layers.sequence_norm import GlobalNorm, zero_padding
from espnet_tse.layers.stft import ReflectedSTFT
from espnet_tse.schema import Frames, Streams
from espnet_tse.schema.padding import valid_mask
from espnet_tse.schema.stream_spec import FramesSpec

EDGES = {"zeros": FramedSTFT, "reflected": ReflectedSTFT}
SMALLEST_DEVIATION = 1e-4  # of the posterior
SILENCE = 1e-8  # RMS of a signal that is not scaled any further
RELEASED_SILENCE = 1e-6  # is added to the deviation of a signal, in the released code


@dataclass(frozen=True)
class TimeFrequencyVAEConfig:
    """58,915,441 parameters at the defaults; the 49.3 M of arXiv:2505.19314 are those of n_fft 512, hop_length 256."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 640
    hop_length: int = 320  # samples a latent
    latent_dim: int = 128
    width: int = 128  # channels of a time-frequency cell
    num_blocks: int = 3  # of the encoder, and of the decoder
    hidden: int = 256
    num_heads: int = 4
    approx_qk_dim: int = 512
    kernel: int = 1
    hop: int = 1
    checkpoint_blocks: bool = False
    recompute_gates: bool = False
    decoder_kernel: int = 7  # latents that a frame of the decoder reads
    # zeros: a frame in the middle of every hop, zeros around a signal of an RMS of 1. reflected: as released, a frame on
    # every edge of a hop, one more, of a signal of a deviation of 1 that is mirrored at its ends.
    edges: str = "zeros"

    def __post_init__(self):
        self.grid  # its checks
        if self.latent_dim < 1 or self.sample_rate < 1:
            raise ValueError(
                f"latent_dim {self.latent_dim} and sample_rate {self.sample_rate} must be positive."
            )
        if self.decoder_kernel < 1 or self.decoder_kernel % 2 == 0:
            raise ValueError(f"decoder_kernel is {self.decoder_kernel}, want an odd number.")
        if self.edges not in EDGES:
            raise ValueError(f"edges '{self.edges}' is none of {list(EDGES)}.")
        EDGES[self.edges](self.n_fft, self.hop_length)  # its checks

    @property
    def grid(self) -> GridConfig:
        return GridConfig(**{field.name: getattr(self, field.name) for field in fields(GridConfig)})


class TimeFrequencyVAE(AbsAutoencoder):
    """Stream ``latent``, ceil(N / hop_length) frames of mean 0 and variance 1 a channel.

    Departures from the paper: a frame lies in the middle of its hop, not on its edge, so that N samples have the
    frames of every other tokenizer and a crop of latents is the latents of a crop; channels are standardised, for
    the diffusion that makes them starts as noise of variance 1; and what is encoded is the posterior's mean. With
    ``edges: reflected`` frames lie on the edges.
    """

    Config = TimeFrequencyVAEConfig

    def __init__(self, config: TimeFrequencyVAEConfig):
        super().__init__()
        self.config, self.sample_rate = config, config.sample_rate
        self.stft = EDGES[config.edges](config.n_fft, config.hop_length)
        bins, width, dim = config.n_fft // 2 + 1, config.width, config.latent_dim
        self.encoder = nn.Conv2d(2, width, 3, padding=1)
        self.encoder_norm = GlobalNorm(width, eps=1e-6)
        self.encoder_blocks = nn.ModuleList(GridBlock(config.grid, bins) for _ in range(config.num_blocks))
        self.posterior = nn.Sequential(nn.PReLU(), nn.Linear(bins * width, 2 * dim))
        kernel = config.decoder_kernel
        self.decoder_input = nn.Conv1d(dim, bins * width, kernel, padding=kernel // 2)
        self.decoder_blocks = nn.ModuleList(GridBlock(config.grid, bins) for _ in range(config.num_blocks))
        self.decoder = nn.ConvTranspose2d(width, 2, 3, padding=1)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    @classmethod
    def from_config(cls, config: TimeFrequencyVAEConfig) -> "TimeFrequencyVAE":
        return cls(config)

    @property
    def streams(self) -> dict[str, FramesSpec]:
        return {"latent": FramesSpec(self.config.latent_dim, self.config.hop_length, self.reflected)}

    @property
    def reflected(self) -> bool:
        return self.config.edges == "reflected"

    def num_latents(self, lengths: Tensor) -> Tensor:
        """T of signals of ``lengths`` (B,) samples."""
        return self.streams["latent"].num_frames(lengths)

    def encode(self, waveform: Tensor, lengths: Tensor) -> Streams:
        """Latents of signals of any level, which they do not tell."""
        frames = self.num_latents(lengths)
        mean, _ = self.posterior_of(waveform, lengths)
        values = zero_padding((mean - self.mean) / self.deviation, frames)
        return Streams(latent=Frames(values, frames, self.frame_rate))

    def decode(self, streams: Streams) -> Tensor:
        """Signals of an RMS about 1."""
        latents = streams["latent"]
        return self.waveform_of(latents.values * self.deviation + self.mean, latents.lengths)

    def posterior_of(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each latent, (B, T, D), T of ``num_latents``; padding means nothing.

        Args:
            waveform: (B, N).
            lengths: (B,) samples.
        """
        frames = self.num_latents(lengths)
        spectrum = zero_padding(self.analyzed(waveform, lengths), frames)
        maps = self.encoder(spectrum.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        maps = self.encoder_norm(maps, frames)
        for block in self.encoder_blocks:
            maps = block(maps, frames)
        mean, spread = self.posterior(maps.flatten(2)).chunk(2, dim=-1)
        return mean, F.softplus(spread) + SMALLEST_DEVIATION

    def analyzed(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, F, 2) of levelled signals (B, N)."""
        if self.reflected:
            spectrum = self.stft.analyze_rows(self.levelled(waveform, lengths), lengths)
            return spectrum[:, : self.num_latents(waveform.size(1))]
        signal = self.levelled(waveform, lengths)
        signal = F.pad(signal, (0, -signal.size(1) % self.config.hop_length))
        with torch.autocast(signal.device.type, enabled=False):
            return torch.view_as_real(self.stft.analyze(signal.float()))

    def levelled(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """Rows of (B, N) at the level that is encoded, zeros behind their lengths."""
        return (unit_deviation if self.reflected else unit_level)(waveform, lengths)

    def synthesized(self, spectrum: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, F, 2) of ``lengths`` (B,) frames -> (B, T * hop_length)."""
        if self.reflected:  # nothing is behind the last edge
            hop = self.config.hop_length
            return self.stft.synthesize_rows(spectrum, (lengths - 1) * hop, spectrum.size(1) * hop)
        with torch.autocast(spectrum.device.type, enabled=False):
            spectrum = zero_padding(spectrum.float(), lengths)
            return self.stft.synthesize(torch.view_as_complex(spectrum.contiguous()), lengths)

    def waveform_of(self, latents: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, D) latents as the posterior has them -> (B, T * hop_length), zeros behind ``lengths`` (B,) frames."""
        hidden = self.decoder_input(zero_padding(latents, lengths).transpose(1, 2)).transpose(1, 2)
        maps = hidden.unflatten(2, (-1, self.config.width))
        for block in self.decoder_blocks:
            maps = block(maps, lengths)
        spectrum = self.decoder(zero_padding(maps, lengths).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        waveform = self.synthesized(spectrum, lengths)
        return waveform * valid_mask(lengths * self.config.hop_length, waveform.size(1))

    def coded_and_decoded(
        self, waveform: Tensor, num_codebooks: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Segments (B, N) through a latent that is drawn in training: estimate, target, divergence.

        The divergence from N(0, 1) is the mean over rows and frames of sum_D (m^2 + s^2 - ln s^2 - 1), without the
        usual half (arXiv:2505.19314).
        """
        lengths = torch.full_like(waveform[:, 0], waveform.size(1), dtype=torch.int64)
        target = self.levelled(waveform, lengths)
        mean, deviation = self.posterior_of(waveform, lengths)
        drawn = mean + deviation * torch.randn_like(mean) if self.training else mean
        estimate = self.waveform_of(drawn, self.num_latents(lengths))[:, : waveform.size(1)]
        variance = deviation.float().square()
        divergence = mean.float().square() + variance - variance.log() - 1
        return estimate, target, divergence.sum(dim=-1).mean()

    @torch.no_grad()
    def standardise(self, segments: Callable[[], Tensor]) -> None:
        """Mean and deviation of each channel over segments (B, N), which latents have from then on without them."""
        waveform = segments()
        lengths = torch.full_like(waveform[:, 0], waveform.size(1), dtype=torch.int64)
        means = [self.posterior_of(*rows)[0] for rows in zip(waveform.split(8), lengths.split(8))]
        deviation, mean = torch.std_mean(torch.cat(means).flatten(0, 1), dim=0)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp_min(SMALLEST_DEVIATION))


def unit_level(waveform: Tensor, lengths: Tensor) -> Tensor:
    """Rows of (B, N) at an RMS of 1, zeros behind their lengths; silence stays silent.

    Not at a deviation of 1, as in the released code: a constant, which has none, would be scaled without bounds.
    """
    waveform = waveform.float() * valid_mask(lengths, waveform.size(1))
    power = waveform.square().sum(dim=1, keepdim=True) / lengths[:, None]
    loud = power > SILENCE**2
    return waveform / torch.where(loud, power, 1.0).sqrt() * torch.where(loud, 1.0, 1 / SILENCE)


def unit_deviation(waveform: Tensor, lengths: Tensor) -> Tensor:
    """Rows of (B, N) at a deviation of 1, as the released code has them; zeros behind their lengths."""
    valid = valid_mask(lengths, waveform.size(1))
    waveform = waveform.float() * valid
    mean = waveform.sum(dim=1, keepdim=True) / lengths[:, None]
    power = ((waveform - mean) * valid).square().sum(dim=1, keepdim=True)
    deviation = (power / (lengths[:, None] - 1).clamp_min(1)).sqrt()
    return waveform / (deviation + RELEASED_SILENCE)
