"""The contract of a waveform codec with residual codebooks."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_identified import as_loud_as, short_hash
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.schema import PADDING_CODE, CodecSpec, Codes, Frames, Streams
from espnet_tse.schema.padding import valid_mask
from espnet_tse.schema.stream_spec import CodesSpec


class AbsCodec(AbsTokenizer):
    """Waveform -> residual codes -> sum of codebook vectors -> waveform.

    A codec class gives the spec, the tables and two functions on rows of equal length. This class does
    batches: rows are grouped by length inside, so a row's result never depends on its batch mates.
    Systems use a codec frozen: ``codec.requires_grad_(False).eval()``. Gradients still flow through
    ``decode_embeddings`` to the embeddings.
    """

    draws_spectrum = False  # whether the decoder draws magnitudes; then the three methods of filtering work

    @property
    @abstractmethod
    def spec(self) -> CodecSpec:
        """Sizes and rates."""

    @property
    @abstractmethod
    def codebooks(self) -> Tensor:
        """(K, V, D) tables of all codebooks, without gradient."""

    @abstractmethod
    def quantize(self, waveform: Tensor) -> Tensor:
        """Codes of unpadded rows whose RMS is 1: (b, N) -> (b, K, T), N at least ``hop_length``."""

    @abstractmethod
    def analyze(self, waveform: Tensor) -> Tensor:
        """What the quantizer sees of unpadded rows whose RMS is 1: (b, N) -> (b, T, D), continuous."""

    @abstractmethod
    def synthesize(self, embeddings: Tensor) -> Tensor:
        """Waveform of unpadded rows: (b, T, D) -> (b, T * hop_length), at the decoder's own level."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.spec.sample_rate

    @property
    def streams(self) -> dict[str, CodesSpec]:
        return {"acoustic": self.spec.stream}

    def tokenize(self, waveform: Tensor, lengths: Tensor) -> Streams:
        """``acoustic``: all codebooks, as ``encode``."""
        return Streams(acoustic=self.encode(waveform, lengths))

    def detokenize(self, streams: Streams) -> Tensor:
        return self.decode_codes(streams["acoustic"])

    def num_parameters(self) -> int:
        """Trained values, tables included."""
        return super().num_parameters() + self.codebooks.numel()

    def fingerprint(self) -> dict:
        codes = self.fixed_streams()["acoustic"].values[0].to(torch.int32)
        return {"fingerprint": short_hash(codes), "fingerprint_codes": codes[0].tolist()}

    def fixed_codes(self) -> Tensor:
        """(T,) of the first codebook: a nearest neighbour rounded differently changes all residual codes."""
        return self.fixed_streams()["acoustic"].values[0, 0].to(torch.int32)

    @property
    def frame_rate(self) -> float:
        """Code frames a second, Hz."""
        return self.spec.frame_rate

    def encode(self, waveform: Tensor, lengths: Tensor) -> Codes:
        """Codes of a batch at any level; a row is scaled to RMS 1 first.

        Args:
            waveform: (B, N) at the codec's sample rate; what stands behind a row's length is not read.
            lengths: (B,) int64, samples, at least 1.
        Returns:
            (B, K, T) codes, ceil(length / hop_length) frames a row.
        Raises:
            ValueError: a row is empty, or longer than N.
        """
        return self.encode_with_scale(waveform, lengths)[0]

    @torch.no_grad()
    def encode_with_scale(self, waveform: Tensor, lengths: Tensor) -> tuple[Codes, Tensor]:
        """As ``encode``, and the RMS of each row, (B,), that a resynthesis is multiplied by."""
        rows = map_equal_length(lambda signal: self._encode_group(signal), waveform, lengths)
        num_frames = torch.tensor([codes.size(-1) for codes in rows], device=waveform.device)
        values = pad_sequence([codes.T for codes in rows], batch_first=True, padding_value=PADDING_CODE)
        scale = torch.cat(map_equal_length(lambda signal: rms(signal), waveform, lengths))
        return Codes(values.transpose(1, 2), num_frames, self.frame_rate), scale

    def encode_latents(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """Embeddings before quantization, for systems that condition on the codec's own features.

        Differentiable in ``waveform``, for what a trained front-end has made.

        Args:
            waveform, lengths: as for ``encode``.
        Returns:
            (B, T, D), ceil(length / hop_length) frames a row, zeros at padding.
        """
        rows = map_equal_length(lambda signal: self.analyze(self._unit_level(signal)), waveform, lengths)
        num_frames = torch.tensor([latents.size(0) for latents in rows], device=waveform.device)
        return Frames(pad_sequence(rows, batch_first=True), num_frames, self.frame_rate)

    def _encode_group(self, signal: Tensor) -> Tensor:
        return self.quantize(self._unit_level(signal))

    def _unit_level(self, signal: Tensor) -> Tensor:
        """Rows scaled to RMS 1 and padded to one hop at least."""
        # 1e-8 as in FunCodec (audio_normalize). Silence is not divided by it, or its gradient were 1e8 times
        # that of other rows.
        level = rms(signal)
        signal = signal / torch.where(level > 0, level + 1e-8, 1.0)
        missing = self.spec.hop_length - signal.size(1)
        return nn.functional.pad(signal, (0, max(missing, 0)))

    def embed(self, codes: Codes, num_codebooks: int | None = None) -> Frames:
        """Plain sum of the first ``num_codebooks`` codebook vectors.

        Args:
            codes: (B, K', T); K' may be smaller than the codec's K (coarse codes).
            num_codebooks: n, all K' when None.
        Returns:
            (B, T, D), zeros at padding.
        Raises:
            ValueError: more codebooks asked than given, or than the codec has; frames of another rate.
        """
        n = codes.values.size(1) if num_codebooks is None else num_codebooks
        limit = min(codes.values.size(1), self.spec.num_codebooks)
        if not 1 <= n <= limit:
            raise ValueError(
                f"num_codebooks is {n}, but the codes hold {codes.values.size(1)} codebooks and the codec "
                f"has {self.spec.num_codebooks}; ask for 1 .. {limit}."
            )
        if codes.frame_rate != self.frame_rate:
            raise ValueError(
                f"codes are at {codes.frame_rate} Hz but the codec works at {self.frame_rate} Hz; "
                "encode the targets with this codec."
            )
        tables = self.codebooks.detach()
        # PADDING_CODE is no row of a table: read entry 0 there and zero the sum below.
        indices = codes.values[:, :n].clamp(min=0)
        values = sum(embedding(indices[:, k], tables[k]) for k in range(n))
        valid = valid_mask(codes.lengths, values.size(1))
        return Frames(values * valid[..., None], codes.lengths, codes.frame_rate)

    def decode_embeddings(self, embeddings: Frames) -> Tensor:
        """Waveform of continuous embeddings, codebook sums or a regression of them.

        The level is the decoder's own (a FunCodec decoder returns about RMS 1 times a learned gain,
        whatever comes in); restore it outside, e.g. by the RMS of the mixture.

        Args:
            embeddings: (B, T, D) at the codec's frame rate.
        Returns:
            (B, T * hop_length), zeros behind a row's ``length * hop_length``.
        Raises:
            ValueError: another width than D, another frame rate, or an empty row.
        """
        if embeddings.values.size(2) != self.spec.embedding_dim or embeddings.frame_rate != self.frame_rate:
            raise ValueError(
                f"embeddings are {embeddings.values.size(2)} wide at {embeddings.frame_rate} Hz but the "
                f"codec decodes {self.spec.embedding_dim} at {self.frame_rate} Hz; train on codes of this "
                "codec."
            )
        rows = map_equal_length(self.synthesize, embeddings.values, embeddings.lengths)
        waveform = pad_sequence(rows, batch_first=True)
        missing = embeddings.values.size(1) * self.spec.hop_length - waveform.size(1)
        return nn.functional.pad(waveform, (0, missing))

    def decode_codes(self, codes: Codes, num_codebooks: int | None = None) -> Tensor:
        """``decode_embeddings(embed(codes, num_codebooks))``."""
        return self.decode_embeddings(self.embed(codes, num_codebooks))

    def filter_waveform(
        self, waveform: Tensor, lengths: Tensor, embeddings: Frames, power: float = 1.0
    ) -> Tensor:
        """Attenuate a mixture to what ``embeddings`` hold, keeping its fine structure and phase.

        Args:
            waveform: (B, N) mixtures.
            lengths: (B,) samples.
            embeddings: (B, T, D) of the wanted part, ceil(length / hop_length) frames a row.
            power: of the mask; above 1 it attenuates more than the embeddings say.
        Returns:
            (B, N), zeros behind a row's length.
        Raises:
            ValueError: the codec's decoder draws no spectrum, or the frames do not fit the samples.
        """
        wanted = self.spec.num_frames(lengths)
        if not torch.equal(wanted, embeddings.lengths):
            raise ValueError(
                f"embeddings have {embeddings.lengths.tolist()} frames, the mixtures want {wanted.tolist()}; "
                "filtering needs length_mode exact."
            )
        filtered = []
        for row, (length, frames) in enumerate(zip(lengths.tolist(), wanted.tolist())):
            signal, values = waveform[row : row + 1, :length], embeddings.values[row : row + 1, :frames]
            mask = self.filter_mask(self._unit_level(signal), values)
            filtered.append(self.filter_row(signal, mask**power)[0, :length])
        padded = pad_sequence(filtered, batch_first=True)
        return nn.functional.pad(padded, (0, waveform.size(1) - padded.size(1)))

    def filter_mask(self, mixture: Tensor, embeddings: Tensor) -> Tensor:
        """Mask in [0, 1] of unpadded mixtures of RMS 1: (b, N), (b, T, D) of the wanted part -> (b, T', F).

        Differentiable in both.
        """
        raise self._draws_nothing()

    def filter_row(self, mixture: Tensor, mask: Tensor) -> Tensor:
        """Masked mixture at its own level: (1, N) and (1, T', F) -> (1, >= N)."""
        raise self._draws_nothing()

    def magnitude(self, waveform: Tensor) -> Tensor:
        """Magnitudes that a mask multiplies: (b, N) unpadded rows -> (b, T', F), level kept."""
        raise self._draws_nothing()

    def _draws_nothing(self) -> ValueError:
        return ValueError(f"{type(self).__name__} draws no spectrum to filter with; use synthesis: decode.")

    def resynthesize(self, waveform: Tensor, lengths: Tensor, num_codebooks: int | None = None) -> Tensor:
        decoded = self.decode_codes(self.encode(waveform, lengths), num_codebooks)
        return as_loud_as(waveform, decoded, lengths)


def rms(signal: Tensor) -> Tensor:
    """Root mean square over the samples: (b, N) -> (b, 1); silence has a gradient of 0."""
    power = signal.square().mean(dim=1, keepdim=True)
    return torch.where(power > 0, power, 1.0).sqrt() * (power > 0)
