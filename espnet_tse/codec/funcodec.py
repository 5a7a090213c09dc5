"""The FunCodec / EnCodec type of codec: SEANet encoder, residual quantizer, SEANet decoder."""

from dataclasses import dataclass
from math import prod

from torch import Tensor
from torch.nn.functional import pad

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.reorganized_quantizer import GroupsConfig, make_quantizer
from espnet_tse.schema import CodecSpec


@dataclass(frozen=True)
class FunCodecConfig(GroupsConfig):
    """Sizes of ``FunCodec``; the defaults are the released general-16k-nq32ds640 (arXiv 2309.07405)."""

    sample_rate: int = 16000  # Hz
    ratios: tuple[int, ...] = (8, 5, 4, 2, 2)  # decoder strides; their product is the hop
    num_filters: int = 32  # channels of the first encoder layer, doubled at each stride
    num_residual_layers: int = 1
    dilation_base: int = 2
    lstm_layers: int = 2  # 0: none
    kernel_size: int = 7
    residual_kernel_size: int = 3
    norm: str = "time_group_norm"  # or weight_norm
    causal: bool = False
    num_codebooks: int = 32
    codebook_size: int = 1024
    embedding_dim: int = 128
    ema_decay: float = 0.99
    kmeans_iterations: int = 50

    def __post_init__(self):
        for name in ("ratios", "kept_of_groups"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a YAML gives a list
        if self.norm not in ("time_group_norm", "weight_norm"):
            raise ValueError(f"codec_conf: norm is '{self.norm}'; known: time_group_norm, weight_norm.")
        if self.causal and self.norm == "time_group_norm":
            raise ValueError(
                "codec_conf: time_group_norm looks at the whole utterance; causal wants weight_norm."
            )
        counts = (*self.ratios, self.num_filters, self.num_codebooks, self.codebook_size, self.embedding_dim)
        if not self.ratios or min(counts) < 1:
            raise ValueError("codec_conf: ratios, num_filters, codebooks and embedding_dim must be positive.")
        sizes = self.num_codebooks, self.codebook_size, self.embedding_dim
        if faults := self.faults_of_groups(*sizes):
            raise ValueError(f"codec_conf: {'; '.join(faults)}.")

    @property
    def hop_length(self) -> int:
        """Samples a code frame."""
        return prod(self.ratios)


class FunCodec(AbsCodec):
    """Time-domain codec; released FunCodec weights fit it after ``codec/released_funcodec.py``.

    ``time_group_norm`` takes its statistics over the whole utterance after every convolution, the last
    one included: the decoder gives about RMS 1 times a learned gain whatever the embeddings' size.
    """

    Config = FunCodecConfig
    coding_parts = ("encoder", "quantizer")

    def __init__(self, config: FunCodecConfig = FunCodecConfig()):
        # Only here, because espnet2's codec modules take seconds to import.
        from espnet2.gan_codec.shared.decoder.seanet import SEANetDecoder
        from espnet2.gan_codec.shared.encoder.seanet import SEANetEncoder

        super().__init__()
        self.config = config
        self.encoder = SEANetEncoder(**_seanet_arguments(config))
        self.decoder = SEANetDecoder(**_seanet_arguments(config))
        self.quantizer = make_quantizer(
            config,
            config.num_codebooks,
            config.codebook_size,
            config.embedding_dim,
            decay=config.ema_decay,
            kmeans_iterations=config.kmeans_iterations,
        )

    @classmethod
    def from_config(cls, config: FunCodecConfig) -> "FunCodec":
        return cls(config)

    @property
    def spec(self) -> CodecSpec:
        return CodecSpec.of(self.config)

    @property
    def codebooks(self) -> Tensor:
        return self.quantizer.embed

    def latents(self, waveform: Tensor) -> Tensor:
        """(b, N) of RMS 1 -> (b, ceil(N / hop_length), D)."""
        return self.encoder(waveform[:, None]).transpose(1, 2)

    def coded_and_decoded(
        self, waveform: Tensor, num_codebooks: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What training compares, (B, N) of RMS 1 -> estimate, target and the commitment.

        Args:
            num_codebooks: (B,), codebooks that a row is decoded from; all when None.
        """
        quantized = self.quantizer(self.latents(waveform), num_codebooks)
        estimate = self.synthesize(quantized.values)[:, : waveform.size(1)]
        target = pad(waveform, (0, estimate.size(1) - waveform.size(1)))
        return estimate, target, quantized.commitment

    def analyze(self, waveform: Tensor) -> Tensor:
        return self.latents(waveform)

    def quantize(self, waveform: Tensor) -> Tensor:
        return self.quantizer.encode(self.latents(waveform))

    def synthesize(self, embeddings: Tensor) -> Tensor:
        return self.decoder(embeddings.transpose(1, 2))[:, 0]


def _seanet_arguments(config: FunCodecConfig) -> dict:
    """A fresh dict at each call: espnet2 changes some of its argument dicts in place."""
    return dict(
        channels=1,
        dimension=config.embedding_dim,
        n_filters=config.num_filters,
        n_residual_layers=config.num_residual_layers,
        ratios=list(config.ratios),
        activation="ELU",
        activation_params={"alpha": 1.0},
        norm=config.norm,
        norm_params={},
        kernel_size=config.kernel_size,
        last_kernel_size=config.kernel_size,
        residual_kernel_size=config.residual_kernel_size,
        dilation_base=config.dilation_base,
        causal=config.causal,
        pad_mode="reflect",
        true_skip=False,
        compress=2,
        lstm=config.lstm_layers,
    )
