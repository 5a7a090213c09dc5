"""A batch of code sequences."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.schema.padding import padding_mask
from espnet_tse.schema.rows import BatchedFields, frame_spans, take_spans

PADDING_CODE = -1  # fills the frames behind a row's length; never a codebook entry


@dataclass
class Codes(BatchedFields):
    """Codes of one or several codebooks with their valid lengths and their rate."""

    values: Tensor  # (B, K, T) int64, 0 .. codebook_size - 1, PADDING_CODE at padding
    lengths: Tensor  # (B,) int64, valid frames a row
    frame_rate: float | None  # Hz; None for a fixed number a recording, however long it is

    shared = ("frame_rate",)

    def __post_init__(self):
        if self.values.dim() != 3 or self.lengths.shape != self.values.shape[:1]:
            raise ValueError(
                f"Codes want values (B, K, T) and lengths (B,), got {tuple(self.values.shape)} "
                f"and {tuple(self.lengths.shape)}."
            )

    @property
    def padding_mask(self) -> Tensor:
        """(B, T) bool, True where a frame is padding."""
        return padding_mask(self.lengths, self.values.size(2))

    def coarse(self, num_codebooks: int) -> "Codes":
        """The first ``num_codebooks`` codebooks, (B, num_codebooks, T)."""
        return Codes(self.values[:, :num_codebooks], self.lengths, self.frame_rate)

    def crop(self, starts: Tensor, lengths: Tensor, sample_rate: int) -> "Codes":
        """The codes of a span of every row, see ``frame_spans``; a fixed number a recording stays whole."""
        if self.frame_rate is None:
            return self
        first, count = frame_spans(starts, lengths, sample_rate, self.frame_rate, self.lengths)
        values = take_spans(self.values.transpose(1, 2), first, count, PADDING_CODE).transpose(1, 2)
        return Codes(values, count, self.frame_rate)
