"""A batch of continuous feature sequences."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.schema.padding import padding_mask
from espnet_tse.schema.rows import BatchedFields, frame_spans, take_spans


@dataclass
class Frames(BatchedFields):
    """Feature frames with their valid lengths and their rate."""

    values: Tensor  # (B, T, D) float or complex
    lengths: Tensor  # (B,) int64, valid frames a row
    frame_rate: float  # Hz

    shared = ("frame_rate",)

    def __post_init__(self):
        if self.values.dim() != 3 or self.lengths.shape != self.values.shape[:1]:
            raise ValueError(
                f"Frames want values (B, T, D) and lengths (B,), got {tuple(self.values.shape)} "
                f"and {tuple(self.lengths.shape)}."
            )

    @property
    def padding_mask(self) -> Tensor:
        """(B, T) bool, True where a frame is padding."""
        return padding_mask(self.lengths, self.values.size(1))

    def crop(self, starts: Tensor, lengths: Tensor, sample_rate: int) -> "Frames":
        """The frames of a span of every row, see ``frame_spans``."""
        first, count = frame_spans(starts, lengths, sample_rate, self.frame_rate, self.lengths)
        return Frames(take_spans(self.values, first, count), count, self.frame_rate)
