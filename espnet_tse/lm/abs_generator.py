"""The contract of the ``lm`` slot: whatever generates the target from conditions."""

from abc import ABC, abstractmethod

from torch import nn

from espnet_tse.io.slots import Slot
from espnet_tse.schema import Conditions, Prediction, Request


class AbsGenerator(nn.Module, ABC):
    """Language model, diffusion, flow or one-step network.

    Each kind also has its own ``loss``, whose arguments are those of its criterion; the model file of
    the system calls it.
    """

    slots: dict[str, Slot] = {}

    @abstractmethod
    def generate(self, conditions: Conditions, request: Request) -> Prediction:
        """Predict the target.

        Args:
            conditions: of B rows.
            request: how long it is, how to decode, and what of it is given.
        """
