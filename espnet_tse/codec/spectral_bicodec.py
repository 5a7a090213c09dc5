"""BiCodec's division of labour on magnitude spectra: codes of the voice, and one code a frame for what is said."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.codec.abs_codec import rms
from espnet_tse.codec.abs_voice_codec import AbsVoiceCodec
from espnet_tse.codec.finite_scalars import FiniteScalars
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig
from espnet_tse.codec.voice_encoder import VoiceEncoder
from espnet_tse.schema import CodecSpec, Streams


@dataclass(frozen=True)
class SpectralBiCodecConfig(SpectralCodecConfig):
    """Sizes of the frames' branch, then of the voice's; the defaults are those of ``codec_bicodec_mini.yaml``."""

    n_fft: int = 1024
    stft_hop: int = 320
    num_codebooks: int = 1
    codebook_size: int = 1024
    num_globals: int = 8  # N_g
    num_levels: int = 4  # of a dimension of a global code
    num_dims: int = 3
    voice_channels: int = 128
    voice_s: float = 6.0  # so much of a recording's beginning is heard for the voice

    def __post_init__(self):
        super().__post_init__()
        if self.num_codebooks != 1:
            raise ValueError(f"num_codebooks is {self.num_codebooks}, a bicodec has 1.")


class SpectralBiCodec(AbsVoiceCodec):
    """Streams ``global`` (N_g codes a recording) and ``semantic`` (one a frame); decoded from their sum.

    A stand-in of BiCodec (arXiv:2503.01710) that trains in minutes: log magnitudes for its wav2vec 2.0 features and
    Griffin-Lim for its generator.
    """

    Config = SpectralBiCodecConfig
    decoding_settings = SpectralCodec.decoding_settings
    coding_parts = (*(f"frames.{name}" for name in SpectralCodec.coding_parts), "voice")

    def __init__(self, config: SpectralBiCodecConfig):
        super().__init__()
        self.config, self.sample_rate = config, config.sample_rate
        self.frames = SpectralCodec(config)
        self.voice = VoiceEncoder(
            config.n_fft // 2 + 1,
            config.voice_channels,
            config.num_globals,
            FiniteScalars(config.num_levels, config.num_dims),
            config.embedding_dim,
        )

    @classmethod
    def from_config(cls, config: SpectralBiCodecConfig) -> "SpectralBiCodec":
        return cls(config)

    @property
    def spec(self) -> CodecSpec:
        """Of the frames' branch."""
        return self.frames.spec

    @property
    def quantizer(self):
        """Of the frames."""
        return self.frames.quantizer

    @property
    def scalars(self) -> FiniteScalars:
        return self.voice.scalars

    def num_parameters(self) -> int:
        """Trained values, the table included."""
        return super().num_parameters() + self.frames.codebooks.numel()

    def fit_statistics(self, waveform: Tensor) -> None:
        """As ``SpectralCodec.fit_statistics``."""
        self.frames.fit_statistics(waveform)

    def log_magnitude(self, waveform: Tensor) -> Tensor:
        """As ``SpectralCodec.log_magnitude``."""
        return self.frames.log_magnitude(waveform)

    def latents(self, log_magnitude: Tensor) -> Tensor:
        """As ``SpectralCodec.latents``."""
        return self.frames.latents(log_magnitude)

    def heard_of_voice(self, log_magnitude: Tensor) -> Tensor:
        """(b, T', F) normalized, the beginning that the voice's codes are made from."""
        conf = self.config
        reach = max(1, round(conf.voice_s * conf.sample_rate / conf.stft_hop))
        return (log_magnitude[:, :reach] - self.frames.log_mean) / self.frames.log_std

    def redrawn(self, log_magnitude: Tensor, num_codebooks: Tensor | None) -> tuple[Tensor, Tensor]:
        """Coded and decoded log magnitudes (B, T, F), and the commitment."""
        vectors, _ = self.voice(self.heard_of_voice(log_magnitude))
        quantized = self.quantizer(self.latents(log_magnitude), None)
        return self.frames.spectra(quantized.values + vectors[:, None]), quantized.commitment

    def coded(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        level = rms(waveform)
        log_magnitude = self.log_magnitude(waveform / torch.where(level > 0, level, 1.0))
        _, voice = self.voice(self.heard_of_voice(log_magnitude))
        return voice, self.quantizer.encode(self.latents(log_magnitude))[:, 0]

    def detokenize(self, streams: Streams) -> Tensor:
        vectors = self.voice.vectors(streams["global"].values[:, 0])
        frames = self.frames.embed(streams["semantic"]).values + vectors[:, None]
        return self.synthesized(self.frames.synthesize, frames, streams["semantic"])
