"""A codec of magnitude spectra: strong per FLOP, so that it can be trained in minutes on a CPU."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.layers.framed_stft import FramedSTFT, griffin_lim
from espnet_tse.codec.reorganized_quantizer import GroupsConfig, make_quantizer
from espnet_tse.layers.convnext import ConvNeXtStack
from espnet_tse.schema import CodecSpec


@dataclass(frozen=True)
class SpectralCodecConfig(GroupsConfig):
    """Sizes of ``SpectralCodec``; the defaults are those of ``codec_mini.yaml``."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 1024
    stft_hop: int = 256  # samples
    frames_per_code: int = 1  # STFT frames that share one code frame
    num_codebooks: int = 8
    codebook_size: int = 128
    embedding_dim: int = 64
    encoder_channels: int = 192
    encoder_blocks: int = 3
    decoder_channels: int = 256
    decoder_blocks: int = 4
    magnitude_floor: float = 0.003  # of a signal of RMS 1, -50 dB
    # In decoding: the ratio of each magnitude to the loudest one is raised to this power. A decoder that is trained by
    # distances fills what lies between the harmonics; above 1 that is taken back, and a little of the voice with it.
    contrast: float = 1.0
    griffin_lim_iterations: int = 32
    kmeans_iterations: int = 10

    def __post_init__(self):
        object.__setattr__(self, "kept_of_groups", tuple(self.kept_of_groups))  # a YAML gives a list
        wrong = []
        for field in fields(self):
            if field.name == "kept_of_groups":
                continue
            value = getattr(self, field.name)
            if value <= 0 or isinstance(field.default, int) and not isinstance(value, int):
                wrong.append(field.name)
        if wrong:
            raise ValueError(f"codec_conf: {', '.join(wrong)} must be positive.")
        sizes = self.num_codebooks, self.codebook_size, self.embedding_dim
        if faults := self.faults_of_groups(*sizes):
            raise ValueError(f"codec_conf: {'; '.join(faults)}.")

    @property
    def hop_length(self) -> int:
        """Samples a code frame."""
        return self.stft_hop * self.frames_per_code


class SpectralCodec(AbsCodec):
    """log|STFT| -> ConvNeXt -> residual codes -> ConvNeXt -> log|STFT| -> Griffin-Lim.

    No phase is coded: the bits all go to what is heard, and training never sees a waveform, which is
    why a few CPU minutes suffice where a time-domain codec needs GPU days. The price is Griffin-Lim at
    decoding (0.02 CPU-s a second of audio) and a waveform that does not align with the input's.
    """

    Config = SpectralCodecConfig
    draws_spectrum = True
    decoding_settings = ("contrast", "griffin_lim_iterations")
    coding_parts = ("encoder", "projection", "quantizer")

    def __init__(self, config: SpectralCodecConfig = SpectralCodecConfig()):
        super().__init__()
        self.config = config
        bins, width = config.n_fft // 2 + 1, config.embedding_dim
        self.stft = FramedSTFT(config.n_fft, config.stft_hop)
        self.encoder = ConvNeXtStack(
            bins * config.frames_per_code, config.encoder_channels, config.encoder_blocks, width
        )
        self.projection = nn.Linear(bins * config.frames_per_code, width, bias=False)
        self.expansion = nn.Linear(width, bins * config.frames_per_code, bias=False)
        sizes = config.num_codebooks, config.codebook_size, width
        self.quantizer = make_quantizer(config, *sizes, kmeans_iterations=config.kmeans_iterations)
        self.decoder = ConvNeXtStack(
            width, config.decoder_channels, config.decoder_blocks, bins * config.frames_per_code
        )
        # Per-bin statistics of log magnitudes, set once before training.
        self.register_buffer("log_mean", torch.zeros(bins))
        self.register_buffer("log_std", torch.ones(bins))

    @classmethod
    def from_config(cls, config: SpectralCodecConfig) -> "SpectralCodec":
        return cls(config)

    @property
    def spec(self) -> CodecSpec:
        return CodecSpec.of(self.config)

    @property
    def codebooks(self) -> Tensor:
        return self.quantizer.embed

    def log_magnitude(self, waveform: Tensor) -> Tensor:
        """(B, N) of RMS 1 -> (B, T * frames_per_code, F), natural logarithm, N zero-padded to whole hops."""
        return torch.log(self.magnitude(waveform) + self.config.magnitude_floor)

    def magnitude(self, waveform: Tensor) -> Tensor:
        return self.stft.magnitude(self._whole_hops(waveform))

    def _whole_hops(self, waveform: Tensor) -> Tensor:
        return pad(waveform, (0, -waveform.size(1) % self.config.hop_length))

    @torch.no_grad()
    def fit_statistics(self, waveform: Tensor) -> None:
        """Start from principal components, before training.

        The best linear codec of log magnitudes is known in closed form: a projection on the leading
        principal components. From there the convolutional parts, whose last layers start at zero, only
        learn the rest; without it six CPU minutes are not enough to draw harmonics.

        Args:
            waveform: (B, N) of RMS 1, some minutes of speech in all.
        """
        values = self.log_magnitude(waveform)
        self.log_mean.copy_(values.mean((0, 1)))
        self.log_std.copy_(values.std((0, 1)).clamp(min=0.1))
        grouped = self._grouped(values).flatten(0, 1)
        eigenvalues, vectors = torch.linalg.eigh(grouped.T @ grouped / len(grouped))
        width = self.config.embedding_dim
        components = vectors[:, -width:].flip(1).T
        # One scale for all components: distances keep their meaning in the spectrum, and latents are
        # of size 1 for whoever learns to predict them.
        scale = eigenvalues[-width:].mean().sqrt()
        self.projection.weight.copy_(components / scale)
        self.expansion.weight.copy_(components.T * scale)
        for stack in (self.encoder, self.decoder):
            nn.init.zeros_(stack.output.weight)
            nn.init.zeros_(stack.output.bias)

    def _grouped(self, log_magnitude: Tensor) -> Tensor:
        """Normalized, the frames of a code side by side: (B, T * g, F) -> (B, T, g * F)."""
        normal = (log_magnitude - self.log_mean) / self.log_std
        batch, frames, bins = normal.shape
        group = self.config.frames_per_code
        return normal.reshape(batch, frames // group, bins * group)

    def latents(self, log_magnitude: Tensor) -> Tensor:
        """(B, T * frames_per_code, F) -> (B, T, D)."""
        grouped = self._grouped(log_magnitude)
        return self.projection(grouped) + self.encoder(grouped)

    def spectra(self, embeddings: Tensor) -> Tensor:
        """Log magnitudes of embeddings: (B, T, D) -> (B, T * frames_per_code, F)."""
        grouped = self.expansion(embeddings) + self.decoder(embeddings)
        normal = grouped.reshape(embeddings.size(0), -1, self.log_mean.numel())
        return normal * self.log_std + self.log_mean

    def redrawn(self, log_magnitude: Tensor, num_codebooks: Tensor | None) -> tuple[Tensor, Tensor]:
        """Coded and decoded log magnitudes (B, T * frames_per_code, F), and the commitment.

        Args:
            num_codebooks: (B,), codebooks that a row is decoded from; all when None.
        """
        quantized = self.quantizer(self.latents(log_magnitude), num_codebooks)
        return self.spectra(quantized.values), quantized.commitment

    def analyze(self, waveform: Tensor) -> Tensor:
        return self.latents(self.log_magnitude(waveform))

    def quantize(self, waveform: Tensor) -> Tensor:
        return self.quantizer.encode(self.analyze(waveform))

    def synthesize(self, embeddings: Tensor) -> Tensor:
        magnitude = torch.relu(torch.exp(self.spectra(embeddings)) - self.config.magnitude_floor)
        if self.config.contrast != 1.0:
            loudest = magnitude.amax(dim=(1, 2), keepdim=True).clamp_min(1e-8)
            magnitude = loudest * (magnitude / loudest).pow(self.config.contrast)
        return griffin_lim(self.stft, magnitude, self.config.griffin_lim_iterations)

    def filter_mask(self, mixture: Tensor, embeddings: Tensor) -> Tensor:
        """min(1, |wanted| / |mixture|), both magnitudes as the decoder draws them.

        The decoder smooths mixture and wanted part alike, so their ratio is a mask, and what the mask lets
        through keeps the harmonics and phases that no embedding holds.
        """
        drawn_mixture = self.spectra(self.analyze(mixture))
        return torch.exp((self.spectra(embeddings) - drawn_mixture).clamp_max(0.0))

    def filter_row(self, mixture: Tensor, mask: Tensor) -> Tensor:
        return self.stft.synthesize(self.stft.analyze(self._whole_hops(mixture)) * mask)
