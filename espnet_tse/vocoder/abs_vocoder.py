"""The contract of the ``vocoder`` slot: a prediction becomes a waveform."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.schema import Conditions, Prediction


class AbsVocoder(nn.Module, ABC):
    """Prediction (and conditions) -> waveform at the vocoder's own level."""

    @abstractmethod
    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N') waveform, zeros behind a row's frames; length and level are restored by the model."""


class AbsCodecVocoder(AbsVocoder):
    """A vocoder that ends in a frozen codec, which is a part of the module but not of its checkpoints."""

    def __init__(self, codec: AbsCodec):
        super().__init__()
        self.codec = codec.requires_grad_(False).eval()
        leave_out_of_checkpoints(self, "codec")

    def train(self, mode: bool = True) -> "AbsCodecVocoder":
        super().train(mode)
        self.codec.eval()  # frozen: no dropout, no codebook update
        return self
