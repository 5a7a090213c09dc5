"""A batch of continuous feature sequences."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.schema.padding import padding_mask


@dataclass
class Frames:
    """Feature frames with their valid lengths and their rate."""

    values: Tensor  # (B, T, D) float
    lengths: Tensor  # (B,) int64, valid frames a row
    frame_rate: float  # Hz

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

    def rows(self, index: Tensor) -> "Frames":
        """The batch rows of ``index`` (int64)."""
        return Frames(self.values[index], self.lengths[index], self.frame_rate)

    def to(self, device: torch.device | str) -> "Frames":
        return Frames(self.values.to(device), self.lengths.to(device), self.frame_rate)
