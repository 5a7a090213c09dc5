"""The contract of what has the last word on an estimate."""

from abc import ABC, abstractmethod

from torch import Tensor

from espnet_tse.schema import Request, TSEBatch


class AbsCorrector(ABC):
    """Mixture and a first estimate -> a better one, whatever system has made the first."""

    @abstractmethod
    def correct(self, batch: TSEBatch, estimate: Tensor, request: Request) -> Tensor:
        """(B, N), zeros behind a row's length, level free.

        Args:
            batch: the mixtures.
            estimate: (B, N), each row with the RMS of its mixture.
            request: its keys and seed decide what is drawn.
        """
