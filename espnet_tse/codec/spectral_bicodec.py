"""BiCodec's division of labour on magnitude spectra: codes of the voice, and one code a frame for what is said."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_codec import rms
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.codec.finite_scalars import FiniteScalars
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig
from espnet_tse.codec.voice_encoder import VoiceEncoder
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.schema import PADDING_CODE, CodecSpec, Codes, Streams
from espnet_tse.schema.stream_spec import CodesSpec


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


class SpectralBiCodec(AbsTokenizer):
    """Streams ``global`` (N_g codes a recording) and ``semantic`` (one a frame); decoded from their sum.

    A stand-in of BiCodec (arXiv:2503.01710) that trains in minutes: log magnitudes for its wav2vec 2.0 features and
    Griffin-Lim for its generator.
    """

    Config = SpectralBiCodecConfig

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
    def streams(self) -> dict[str, CodesSpec]:
        conf = self.config
        return {
            "global": CodesSpec(1, self.voice.scalars.num_codes, num_tokens=conf.num_globals),
            "semantic": CodesSpec(1, conf.codebook_size, hop_length=conf.hop_length),
        }

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

    @torch.no_grad()
    def tokenize(self, waveform: Tensor, lengths: Tensor) -> Streams:
        def coded(signal: Tensor) -> list[tuple[Tensor, Tensor]]:
            level = rms(signal)
            signal = signal / torch.where(level > 0, level, 1.0)
            log_magnitude = self.log_magnitude(signal)
            _, voice = self.voice(self.heard_of_voice(log_magnitude))
            frames = self.quantizer.encode(self.latents(log_magnitude))[:, 0]
            return list(zip(voice, frames))

        rows = map_equal_length(coded, waveform, lengths)
        voices, frames = zip(*rows)
        num_frames = torch.tensor([len(row) for row in frames], device=waveform.device)
        values = pad_sequence(list(frames), batch_first=True, padding_value=PADDING_CODE)
        number = torch.full_like(num_frames, self.config.num_globals)
        return Streams(
            {
                "global": Codes(torch.stack(voices)[:, None], number, None),
                "semantic": Codes(values[:, None], num_frames, self.sample_rate / self.config.hop_length),
            }
        )

    def detokenize(self, streams: Streams) -> Tensor:
        semantic = streams["semantic"]
        frames = self.frames.embed(semantic).values
        frames = frames + self.voice.vectors(streams["global"].values[:, 0])[:, None]
        rows = map_equal_length(self.frames.synthesize, frames, semantic.lengths)
        waveform = pad_sequence(rows, batch_first=True)
        return F.pad(waveform, (0, semantic.values.size(2) * self.config.hop_length - waveform.size(1)))
