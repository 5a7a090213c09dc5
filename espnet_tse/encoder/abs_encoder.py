"""The contract of the ``encoder`` slot: a batch becomes conditions."""

from abc import ABC, abstractmethod

from torch import nn

from espnet_tse.schema import Conditions, TSEBatch


class AbsConditionEncoder(nn.Module, ABC):
    """Mixture and enrollment -> what a generator is conditioned on.

    The model calls it once a batch, in training and in extraction alike.
    """

    @abstractmethod
    def forward(self, batch: TSEBatch) -> Conditions:
        """Encode mixture and enrollment; targets are not read.

        Args:
            batch: B rows, any lengths.
        Returns:
            E_m and E_r, (B, T, D) each at the encoder's own frame rate and zero at padding; the
            enrollment stays a sequence. A row is the same whatever its batch mates are. Encoders whose
            systems may filter the mixture also hand on its samples (``mixture_waveform``).
        """
