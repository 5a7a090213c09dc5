"""The contract of the ``frontend`` slot: a waveform becomes features."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.io.slots import Slot
from espnet_tse.schema import Frames


class AbsFrontend(nn.Module, ABC):
    """Waveform -> feature frames; condition encoders call it for mixture and enrollment."""

    slots: dict[str, Slot] = {}

    @property
    @abstractmethod
    def output_dim(self) -> int:
        """Width of a frame."""

    @property
    @abstractmethod
    def frame_rate(self) -> float:
        """Frames a second, Hz."""

    @abstractmethod
    def forward(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """Features of a batch at any level, each row as if it were alone.

        Args:
            waveform: (B, N) float; what stands behind a row's length is not read.
            lengths: (B,) int64, samples, at least 1.
        Returns:
            (B, T, output_dim) at ``frame_rate``.
        """
