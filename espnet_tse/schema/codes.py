"""A batch of codec code sequences."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.schema.padding import padding_mask

PADDING_CODE = -1  # fills the frames behind a row's length; never a codebook entry


@dataclass
class Codes:
    """Residual-quantizer codes with their valid lengths and their rate."""

    values: Tensor  # (B, K, T) int64, 0 .. codebook_size - 1, PADDING_CODE at padding
    lengths: Tensor  # (B,) int64, valid frames a row
    frame_rate: float  # Hz

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

    def rows(self, index: Tensor) -> "Codes":
        """The batch rows of ``index`` (int64)."""
        return Codes(self.values[index], self.lengths[index], self.frame_rate)

    def to(self, device: torch.device | str) -> "Codes":
        return Codes(self.values.to(device), self.lengths.to(device), self.frame_rate)
