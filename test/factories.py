"""Small values and modules that many tests share."""

import torch
from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.encoder.shared_transformer import SharedTransformerConfig, SharedTransformerEncoder
from espnet_tse.frontend.log_mel import LogMel, LogMelConfig
from espnet_tse.lm.decoder_only import DecoderOnlyConfig, DecoderOnlyLM
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEConfig
from espnet_tse.schema import PADDING_CODE, CodecSpec, Codes, Conditions, Frames, Streams, TSEBatch
from espnet_tse.vocoder.fine_embedding import FineEmbeddingConfig, FineEmbeddingVocoder


class TableCodec(AbsCodec):
    """Random tables and a linear decoder: every promise of a codec, none of the learning.

    ``quantize`` is a residual quantizer over a fixed random projection of each hop of samples.
    """

    def __init__(self, spec: CodecSpec = CodecSpec(16000, 640, 4, 32, 16), seed: int = 0):
        super().__init__()
        self._spec = spec
        generator = torch.Generator().manual_seed(seed)
        tables = torch.randn(spec.num_codebooks, spec.codebook_size, spec.embedding_dim, generator=generator)
        self.register_buffer("tables", tables)
        self.analysis = nn.Linear(spec.hop_length, spec.embedding_dim, bias=False)
        self.synthesis = nn.Linear(spec.embedding_dim, spec.hop_length, bias=False)
        for layer in (self.analysis, self.synthesis):
            nn.init.normal_(layer.weight, generator=generator)

    @property
    def spec(self) -> CodecSpec:
        return self._spec

    @property
    def codebooks(self) -> Tensor:
        return self.tables

    def analyze(self, waveform: Tensor) -> Tensor:
        hop = self.spec.hop_length
        padded = nn.functional.pad(waveform, (0, -waveform.size(1) % hop))
        return self.analysis(padded.unflatten(1, (-1, hop)))

    def quantize(self, waveform: Tensor) -> Tensor:
        residual = self.analyze(waveform)
        codes = []
        for table in self.tables:
            nearest = torch.cdist(residual, table.expand(residual.size(0), -1, -1)).argmin(dim=-1)
            codes.append(nearest)
            residual = residual - table[nearest]
        return torch.stack(codes, dim=1)

    def synthesize(self, embeddings: Tensor) -> Tensor:
        return self.synthesis(embeddings).flatten(1)


class Second(AbsSelector):
    """Keeps the second candidate, which draws as a row with the key ``key#1``."""

    def scores(self, estimate, batch):
        return torch.tensor([float(key.endswith("#1")) for key in batch.keys])


def make_frames(lengths: list[int], width: int = 16, frame_rate: float = 62.5, seed: int = 0) -> Frames:
    """Random frames with garbage behind each row's length, as a careless producer would leave it."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(lengths), max(lengths), width, generator=generator)
    return Frames(values, torch.tensor(lengths), frame_rate)


def make_codes(lengths: list[int], spec: CodecSpec, seed: int = 0) -> Codes:
    """Random codes, PADDING_CODE behind each row's length."""
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), spec.num_codebooks, max(lengths))
    values = torch.randint(0, spec.codebook_size, shape, generator=generator)
    codes = Codes(values, torch.tensor(lengths), spec.frame_rate)
    values[codes.padding_mask[:, None].expand_as(values)] = PADDING_CODE
    return codes


def take(part: Frames | Codes, row: int) -> Frames | Codes:
    """One row, trimmed to its own length."""
    length = int(part.lengths[row])
    dim = 2 if isinstance(part, Codes) else 1
    return type(part)(
        part.values[row : row + 1].narrow(dim, 0, length), part.lengths[row : row + 1], part.frame_rate
    )


def make_conditions(mixture: Frames, enrollment: Frames, **fields) -> Conditions:
    """E_m and E_r, and other fields of ``Conditions``."""
    return Conditions(Streams(mixture=mixture, enrollment=enrollment), **fields)


def make_batch(
    mixture_s: list[float],
    enrollment_s: list[float],
    codec: AbsCodec | None,
    seed: int = 0,
    sample_rate: int = 16000,
) -> TSEBatch:
    """Noise mixtures, targets half as loud, random target codes where there is a codec."""
    generator = torch.Generator().manual_seed(seed)
    mixture_lengths = torch.tensor([int(sample_rate * s) for s in mixture_s])
    enrollment_lengths = torch.tensor([int(sample_rate * s) for s in enrollment_s])
    mixture = torch.randn(len(mixture_s), int(mixture_lengths.max()), generator=generator) * 0.1
    enrollment = torch.randn(len(enrollment_s), int(enrollment_lengths.max()), generator=generator) * 0.1
    for row in range(len(mixture_s)):
        mixture[row, mixture_lengths[row] :] = 0.0
        enrollment[row, enrollment_lengths[row] :] = 0.0
    targets = Streams()
    if codec is not None:
        num_frames = [codec.spec.num_frames(int(length)) for length in mixture_lengths]
        targets["acoustic"] = make_codes(num_frames, codec.spec, seed)
    return TSEBatch(
        mixture,
        mixture_lengths,
        enrollment,
        enrollment_lengths,
        sample_rate=sample_rate,
        keys=[f"utt{row}" for row in range(len(mixture_s))],
        target=0.5 * mixture,
        targets=targets,
        speaker=torch.arange(len(mixture_s)),
    )


def take_row(batch: TSEBatch, row: int) -> TSEBatch:
    """One row of a batch, trimmed to its own lengths."""
    mixture, enrollment = int(batch.mixture_lengths[row]), int(batch.enrollment_lengths[row])
    return TSEBatch(
        batch.mixture[row : row + 1, :mixture],
        batch.mixture_lengths[row : row + 1],
        batch.enrollment[row : row + 1, :enrollment],
        batch.enrollment_lengths[row : row + 1],
        sample_rate=batch.sample_rate,
        keys=batch.keys[row : row + 1],
        target=batch.target[row : row + 1, :mixture],
        targets=Streams({name: take(stream, row) for name, stream in batch.targets.items()}),
        speaker=batch.speaker[row : row + 1],
    )


NANO = {"width": 64, "num_heads": 4, "feedforward": 128, "dropout": 0.0}


def nano_laura_tse(
    position: str = "relative", codec: AbsCodec | None = None, shortcuts: bool = False, **model_conf
) -> LauraTSE:
    """LauraTSE at the size of unit tests, in eval mode with fixed weights."""
    torch.manual_seed(0)
    codec = codec or TableCodec()
    sizes = {**NANO, "position": position}
    added = {"add_mixture": shortcuts, "add_enrollment": shortcuts}
    encoder = SharedTransformerEncoder.from_config(
        SharedTransformerConfig(num_layers=1, **sizes),
        LogMel(LogMelConfig(num_mels=64)),
        codec.spec.embedding_dim,
    )
    lm = DecoderOnlyLM.from_config(
        DecoderOnlyConfig(num_layers=2, attention_dropout=0.0, **added, **sizes), codec.codebooks, codec.spec
    )
    vocoder = FineEmbeddingVocoder.from_config(
        FineEmbeddingConfig(num_layers=1, residual=shortcuts, **added, **sizes), codec
    )
    return LauraTSE(encoder, lm, vocoder, LauraTSEConfig(**model_conf)).eval()
