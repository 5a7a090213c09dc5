"""The contract of what chooses among candidates."""

from abc import ABC, abstractmethod

from torch import Tensor

from espnet_tse.schema import Estimate, TSEBatch


class AbsSelector(ABC):
    """Judges estimates by what is known at extraction: mixture and enrollment, never the target."""

    @abstractmethod
    def scores(self, estimate: Estimate, batch: TSEBatch) -> Tensor:
        """(B,) float, higher is better, of the B estimates of ``batch``."""
