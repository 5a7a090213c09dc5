"""The contract of tokenizers: a waveform becomes named streams of codes."""

from abc import abstractmethod

import torch
from torch import Tensor

from espnet_tse.codec.abs_identified import AbsIdentified, as_loud_as, short_hash
from espnet_tse.schema import Streams

# Another device may round a few nearest neighbours differently; another tokenizer gives chance agreement.
MIN_AGREEMENT = 0.9


class AbsTokenizer(AbsIdentified):
    """Residual codecs, single-codebook codecs, codecs with global and frame codes, units of k-means."""

    decoding_settings: tuple[str, ...] = ()  # of its ``Config``, on which no code depends and no weight
    coding_parts: tuple[str, ...] = ()  # the modules that codes depend on, of tokenizers that are trained

    @abstractmethod
    def tokenize(self, waveform: Tensor, lengths: Tensor) -> Streams:
        """``Codes`` (B, K, T) with the names and sizes of ``streams``; arguments as of ``streams_of``."""

    def detokenize(self, streams: Streams) -> Tensor:
        """(B, N') samples of all that ``tokenize`` gives, zeros behind a row's whole frames.

        Raises:
            ValueError: no waveform can be made of these tokens alone.
        """
        raise ValueError(f"{type(self).__name__} makes no waveform of its tokens; name a codec that does.")

    @classmethod
    def makes_waveforms(cls) -> bool:
        """Whether ``detokenize`` is more than an error."""
        return cls.detokenize is not AbsTokenizer.detokenize

    def resynthesize(self, waveform: Tensor, lengths: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Tokenize and detokenize at the input's own level and length.

        Args:
            waveform: (B, N).
            lengths: (B,) samples.
            num_codebooks: how many codebooks are heard, of tokenizers that have several; all when None.
        Returns:
            (B, N), each row with the RMS of its input, zeros behind its length.
        """
        return as_loud_as(waveform, self.detokenize(self.tokenize(waveform, lengths)), lengths)

    def streams_of(self, waveform: Tensor, lengths: Tensor) -> Streams:
        return self.tokenize(waveform, lengths)

    def fixed_codes(self) -> Tensor:
        """(M,) all codes of the fixed waveform, stream by stream in the order of their names."""
        streams = self.fixed_streams()
        return torch.cat([streams[name].values.flatten() for name in sorted(streams)]).to(torch.int32)

    def fingerprint(self) -> dict:
        codes = self.fixed_codes()
        return {"fingerprint": short_hash(codes), "fingerprint_codes": codes.tolist()}

    def disagreement(self, manifest: dict) -> str | None:
        codes, expected = self.fixed_codes(), torch.tensor(manifest["fingerprint_codes"])
        agreement = (codes == expected).float().mean().item() if codes.shape == expected.shape else 0.0
        return None if agreement >= MIN_AGREEMENT else f"gives {agreement:.0%} of the fingerprint's codes"
