"""The contract of the ``extractor`` slot: mixture and enrollment become the target's waveform."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.schema import TSEBatch
from espnet_tse.schema.padding import valid_mask

SILENCE = 1e-8  # a standard deviation below it is digital silence


@dataclass
class Cue:
    """What an enrollment has become: a sequence, an embedding, or both."""

    values: Tensor  # (B, E) embedding, or (B, T, ...) maps
    lengths: Tensor | None = None  # (B,) frames of maps

    def rows(self, index: Tensor) -> "Cue":
        """The batch rows of ``index`` (int64)."""
        return Cue(self.values[index], None if self.lengths is None else self.lengths[index])


@dataclass
class Extraction:
    """Estimates of the target."""

    waveform: Tensor  # (B, N)
    coarser: list[Tensor] = field(default_factory=list)  # (B, N) each, of further scales (SpEx+)
    embedding: Tensor | None = None  # (B, E) of the enrollment, for a speaker loss


class AbsExtractor(nn.Module, ABC):
    """Enroll once, then separate any number of mixtures.

    Mixture and enrollment are divided by their standard deviations and the estimate is multiplied by that
    of the mixture, so a louder mixture gives a louder estimate and nothing else changes. Causal extractors
    cannot know the level of what is to come and leave the mixture as it is; without ``levelled`` both are left.
    """

    sample_rate: int  # Hz
    causal: bool = False
    levelled: bool = True
    slots: dict[str, Slot] = {}

    @abstractmethod
    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        """(B, N_e) of unit level, zeros at padding -> the cue; no ``lengths`` (B,) where all are N_e."""

    @abstractmethod
    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        """(B, N), zeros at padding -> estimates of N samples.

        Args:
            lengths: (B,) samples, None where all are N.
            state: of a stream (causal extractors): N is a multiple of ``hop_length``, and the estimate is
                ``delay`` samples late.
        """

    def separate_by_length(self, mixture: Tensor, lengths: Tensor, cue: Cue) -> Extraction:
        """``separate`` a group of rows of one length at a time, for networks that would read the padding."""
        waveform = torch.zeros_like(mixture)
        for length in torch.unique(lengths).tolist():
            rows = (lengths == length).nonzero()[:, 0]
            result = self.separate(mixture[rows, :length], None, cue.rows(rows))
            place = rows[:, None], torch.arange(length, device=rows.device)
            waveform = waveform.index_put(place, result.waveform.to(waveform))
        return Extraction(waveform, embedding=cue.values if self.embedding_dim is not None else None)

    @property
    def hop_length(self) -> int:
        """Samples that a stream advances by; DataError where the extractor looks ahead."""
        raise DataError(f"{type(self).__name__} cannot stream.")

    @property
    def delay(self) -> int:
        """Samples that a stream's estimate is behind its mixture; DataError if the extractor looks ahead."""
        raise DataError(f"{type(self).__name__} cannot stream.")

    @property
    def embedding_dim(self) -> int | None:
        """E of ``Extraction.embedding``; None where the enrollment has no embedding."""
        return None

    def enroll(self, waveform: Tensor, lengths: Tensor) -> Cue:
        """The cue of (B, N_e) enrollments, at any level."""
        if self.levelled:
            waveform, _ = unit_level(waveform, lengths)
        else:
            waveform = waveform * valid_mask(lengths, waveform.size(1))
        return self.encode_enrollment(waveform, lengths)

    def forward(self, batch: TSEBatch) -> Extraction:
        """Estimates of a batch; a row is the same whatever its batch mates are."""
        if batch.speaker_embedding is None:
            cue = self.enroll(batch.enrollment, batch.enrollment_lengths)
        elif batch.speaker_embedding.size(1) == self.embedding_dim:
            cue = Cue(batch.speaker_embedding)
        else:
            raise DataError(
                f"embeddings of {batch.speaker_embedding.size(1)} values, but {type(self).__name__} takes "
                f"{self.embedding_dim or 'none'}; set speaker_encoder_conf: {{output_dim}}, or leave the "
                "embeddings out."
            )
        lengths = batch.mixture_lengths
        valid = valid_mask(lengths, batch.mixture.size(1))
        if self.causal or not self.levelled:
            mixture, scale = batch.mixture * valid, valid
        else:
            mixture, level = unit_level(batch.mixture, lengths)
            scale = valid * level
        result = self.separate(mixture, None if int(lengths.min()) == mixture.size(1) else lengths, cue)
        return Extraction(
            result.waveform * scale, [wave * scale for wave in result.coarser], result.embedding
        )


def unit_level(waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Divide each row by its standard deviation (unbiased, no mean removed; silence stays).

    Source: USEF-TSE's released code normalises so; the mask and the guard of silence are ours.

    Returns:
        (B, N) with zeros behind each row's length; (B, 1) standard deviations.
    """
    valid = valid_mask(lengths, waveform.size(1))
    waveform = waveform * valid
    with torch.no_grad():
        mean = waveform.sum(dim=1, keepdim=True) / lengths[:, None]
        squares = ((waveform - mean) * valid).square().sum(dim=1, keepdim=True)
        level = (squares / (lengths[:, None] - 1).clamp_min(1)).sqrt()
        level = torch.where(level > SILENCE, level, torch.ones_like(level))
    return waveform / level, level
