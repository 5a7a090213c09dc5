"""Codecs of two streams: a fixed number of codes for the voice, and one code a frame for what is said."""

from abc import abstractmethod
from typing import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.codec.finite_scalars import FiniteScalars
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.schema import PADDING_CODE, Codes, Streams
from espnet_tse.schema.stream_spec import CodesSpec


class AbsVoiceCodec(AbsTokenizer):
    """Streams ``global`` (``num_globals`` codes a recording) and ``semantic`` (one a ``hop_length``).

    The division of labour of BiCodec (arXiv:2503.01710). ``config`` has ``num_globals``, ``codebook_size`` and
    ``hop_length``.
    """

    @property
    @abstractmethod
    def scalars(self) -> FiniteScalars:
        """What a global code stands for."""

    @abstractmethod
    def coded(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Unpadded rows (b, N) -> global codes (b, num_globals) and semantic ones (b, T), T = ceil(N / hop_length)."""

    @property
    def streams(self) -> dict[str, CodesSpec]:
        conf = self.config
        return {
            "global": CodesSpec(1, self.scalars.num_codes, num_tokens=conf.num_globals),
            "semantic": CodesSpec(1, conf.codebook_size, hop_length=conf.hop_length),
        }

    @torch.no_grad()
    def tokenize(self, waveform: Tensor, lengths: Tensor) -> Streams:
        rows = map_equal_length(lambda signal: list(zip(*self.coded(signal))), waveform, lengths)
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

    def synthesized(self, function: Callable[[Tensor], Tensor], frames: Tensor, semantic: Codes) -> Tensor:
        """(B, T * hop_length) samples by ``function`` of unpadded rows, zeros behind a row's frames.

        Args:
            function: (b, t, D) -> (b, t * hop_length).
            frames: (B, T, D), as many a row as ``semantic`` has.
        """
        waveform = pad_sequence(map_equal_length(function, frames, semantic.lengths), batch_first=True)
        return F.pad(waveform, (0, semantic.values.size(2) * self.config.hop_length - waveform.size(1)))
