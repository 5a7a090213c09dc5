"""BiCodec (arXiv:2503.01710) at its published size: tokens of the voice, and one a frame for what is said."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.codec.abs_voice_codec import AbsVoiceCodec
from espnet_tse.codec.ecapa_tdnn import EcapaTDNN
from espnet_tse.codec.factorized_quantizer import FactorizedQuantizer
from espnet_tse.codec.feature_backbone import FeatureDecoder, FeatureEncoder
from espnet_tse.codec.finite_scalars import FiniteScalars
from espnet_tse.codec.linear_mel import LinearMel
from espnet_tse.codec.perceiver_resampler import PerceiverResampler
from espnet_tse.codec.voice_tokens import VoiceTokens
from espnet_tse.codec.volume import normalize_volume
from espnet_tse.codec.wave_generator import WaveGenerator
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.layers.ssl_model import (
    SAMPLE_RATE,
    hidden_states,
    margin_of,
    open_ssl,
    register_identity,
    wants_normalized,
    zero_mean_unit_variance,
)
from espnet_tse.schema import CodecSpec, Streams

SSL_KINDS = ("wav2vec2",)  # of the models that speech is heard through
# In training: what pulls entries to the frames against what pulls frames to the entries; the released code has 2.0 and 0.25.
ENTRIES_WEIGHT = 8.0


@dataclass(frozen=True)
class BiCodecConfig:
    """Sizes of ``BiCodec``; the defaults are those of the released one (SparkAudio/Spark-TTS-0.5B)."""

    model_dir: str = ""  # folder of wav2vec2-large-xlsr-53 as transformers saves it
    layers: tuple[int, ...] = (11, 14, 16)  # whose mean is encoded
    sample_rate: int = 16000  # Hz
    volume_normalize: bool = True  # bring recordings to one level first
    feature_dim: int = 1024  # width between encoder, decoder and generator, and of the voice's vector
    # Semantic branch and prenet
    channels: int = 384
    inner_channels: int = 2048
    num_blocks: int = 12
    num_stages: int = 2
    codebook_size: int = 8192
    codebook_dim: int = 8
    one_plus_scale: bool = True  # of the prenet's adaptive norms; the released weights want False
    # Global branch
    voice_s: float = 6.0  # so much of the beginning is heard for the voice, shorter recordings repeatedly
    n_fft: int = 1024
    window: int = 640
    hop_length: int = 320  # samples a frame, of the mel bands and of the tokens
    lowest_hz: float = 10.0
    num_mels: int = 128
    ecapa_channels: int = 512
    ecapa_output: int = 1536
    num_globals: int = 32
    token_dim: int = 128
    resampler_depth: int = 2
    resampler_heads: int = 8
    resampler_head_dim: int = 64
    num_levels: int = 4
    num_dims: int = 6
    # Generator
    generator_channels: int = 1536
    strides: tuple[int, ...] = (8, 5, 4, 2)
    kernel_sizes: tuple[int, ...] = (16, 11, 8, 4)

    def __post_init__(self):
        for name in ("layers", "strides", "kernel_sizes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a YAML gives a list
        if not self.model_dir:
            raise ValueError(
                "model_dir is required: a folder of wav2vec2-large-xlsr-53 (config.json, weights)."
            )
        if not self.layers or min(self.layers) < 1:
            raise ValueError(f"layers are {list(self.layers)}, want one or more, counted from 1.")
        if self.sample_rate != SAMPLE_RATE:
            raise ValueError(f"sample_rate is {self.sample_rate}, wav2vec 2.0 works at {SAMPLE_RATE} Hz.")
        if len(self.strides) != len(self.kernel_sizes) or prod(self.strides) != self.hop_length:
            raise ValueError(
                f"strides {list(self.strides)} want as many kernel_sizes and hop_length {self.hop_length} as product."
            )
        if self.voice_samples <= self.n_fft // 2:
            raise ValueError(f"voice_s is {self.voice_s}, want more than half of n_fft {self.n_fft}.")

    @property
    def voice_samples(self) -> int:
        """Samples that the voice's tokens are made from, whole frames."""
        return int(self.sample_rate * self.voice_s) // self.hop_length * self.hop_length


class BiCodec(AbsVoiceCodec):
    """Streams ``global`` (a fixed number of tokens) and ``semantic`` (one a frame, 50 Hz).

    The semantic branch hears wav2vec 2.0, whose weights stay in their own folder; the global one hears mel
    magnitudes. A decoder conditioned on the voice's vector gives frames, to which the vector is added, and the
    generator makes samples of them.
    """

    Config = BiCodecConfig
    coding_parts = ("encoder", "quantizer", "voice")

    def __init__(self, config: BiCodecConfig, model: nn.Module, normalize: bool):
        """
        Args:
            model: wav2vec 2.0 with as many layers as ``config.layers`` names.
            normalize: whether it wants signals of zero mean and unit variance.
        """
        super().__init__()
        self.config, self.sample_rate = config, config.sample_rate
        self.model, self.normalize = model.requires_grad_(False), normalize
        leave_out_of_checkpoints(self, "model")
        self.margin = margin_of(model, config.hop_length)
        dim, sizes = config.feature_dim, (config.channels, config.inner_channels, config.num_blocks)
        self.encoder = FeatureEncoder(model.config.hidden_size, *sizes, config.num_stages, dim)
        self.quantizer = FactorizedQuantizer(dim, config.codebook_size, config.codebook_dim)
        self.mel = LinearMel(
            config.sample_rate,
            config.n_fft,
            config.window,
            config.hop_length,
            config.num_mels,
            config.lowest_hz,
        )
        self.voice = voice_tokens_of(config)
        self.prenet = FeatureDecoder(dim, *sizes, config.num_stages, dim, dim, config.one_plus_scale)
        self.generator = WaveGenerator(dim, config.generator_channels, config.strides, config.kernel_sizes)
        fault = "the codec was made with another wav2vec 2.0 than codec_conf names; restore it"
        register_identity(self, model, normalize, fault)

    @classmethod
    def from_config(cls, config: BiCodecConfig) -> "BiCodec":
        """
        Raises:
            ValueError: no such model in the folder, too few layers, or transformers is missing.
        """
        folder = Path(config.model_dir)
        return cls(config, open_ssl(folder, max(config.layers), SSL_KINDS), wants_normalized(folder))

    def train(self, mode: bool = True) -> "BiCodec":
        super().train(mode)
        self.model.eval()
        return self

    @property
    def scalars(self) -> FiniteScalars:
        return self.voice.scalars

    def num_parameters(self) -> int:
        """Trained values, wav2vec 2.0 apart."""
        return super().num_parameters() - sum(parameter.numel() for parameter in self.model.parameters())

    def features(self, waveform: Tensor) -> Tensor:
        """Unpadded rows (b, N) -> (b, ceil(N / hop_length), D) of wav2vec 2.0."""
        if self.normalize:
            # Before the padding, which is not to count.
            waveform = zero_mean_unit_variance(waveform)
        # All of it at the end: frames then lie as without padding, where the last one or two are missing.
        whole = -waveform.size(1) % self.config.hop_length
        return hidden_states(
            self.model, F.pad(waveform, (0, whole + self.margin)), False, layers=self.config.layers
        )

    def levelled(self, waveform: Tensor) -> Tensor:
        """Unpadded rows (b, N) at the level at which recordings are heard."""
        if not self.config.volume_normalize:
            return waveform
        return torch.stack([normalize_volume(row) for row in waveform])

    def heard_of_voice(self, waveform: Tensor) -> Tensor:
        """Unpadded rows (b, N) -> (b, voice_samples), the beginning; shorter ones are repeated."""
        size = self.config.voice_samples
        return waveform.repeat(1, -(-size // waveform.size(1)))[:, :size]

    def frames(self, semantic: Tensor, vectors: Tensor) -> Tensor:
        """What the generator makes samples of: (b, T, D) of the semantic codes, (b, D) of the voice -> (b, T, D)."""
        return self.prenet(semantic, vectors) + vectors[:, None]

    @property
    def spec(self) -> CodecSpec:
        """Of the frames' branch."""
        conf = self.config
        return CodecSpec(conf.sample_rate, conf.hop_length, 1, conf.codebook_size, conf.codebook_dim)

    def coded_and_decoded(
        self, waveform: Tensor, num_codebooks: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As ``FunCodec.coded_and_decoded``; the target has the level at which recordings are heard.

        The paper's second decoder, which gives wav2vec 2.0's frames back, is not among what is trained.
        """
        target = self.levelled(waveform)
        vectors, _ = self.voice(self.mel(self.heard_of_voice(target)))
        quantized = self.quantizer(self.encoder(self.features(target)))
        estimate = self.generator(self.frames(quantized.values, vectors))[:, : target.size(1)]
        return estimate, target, quantized.commitment + ENTRIES_WEIGHT * quantized.codebook

    def coded(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        waveform = self.levelled(waveform)
        _, voice = self.voice(self.mel(self.heard_of_voice(waveform)))
        return voice, self.quantizer.encode(self.encoder(self.features(waveform)))

    def detokenize(self, streams: Streams) -> Tensor:
        semantic = streams["semantic"]
        codes = semantic.values[:, 0]
        vectors = self.voice.vectors(streams["global"].values[:, 0])
        # Rows of one length share a pass, each with its own vector, which is carried along beside its codes.
        beside = vectors[:, None].expand(-1, codes.size(1), -1)
        both = torch.cat([self.quantizer.entries[codes.clamp_min(0)], beside], dim=2)

        def synthesize(rows: Tensor) -> Tensor:
            entries, vectors = rows.split([self.config.codebook_dim, self.config.feature_dim], dim=2)
            return self.generator(self.frames(self.quantizer.expand(entries), vectors[:, 0]))

        return self.synthesized(synthesize, both, semantic)


def voice_tokens_of(config: BiCodecConfig) -> VoiceTokens:
    """The global branch of a configuration."""
    ecapa = EcapaTDNN(config.num_mels, config.ecapa_channels, config.ecapa_output, config.feature_dim)
    resampler = PerceiverResampler(
        config.ecapa_output,
        config.token_dim,
        config.num_globals,
        config.resampler_depth,
        config.resampler_heads,
        config.resampler_head_dim,
    )
    scalars = FiniteScalars(config.num_levels, config.num_dims)
    return VoiceTokens(ecapa, resampler, scalars, config.token_dim, config.num_globals, config.feature_dim)
