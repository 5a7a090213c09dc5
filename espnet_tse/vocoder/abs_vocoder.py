"""The contract of the ``vocoder`` slot: a prediction becomes a waveform."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.schema import Conditions, Prediction


class AbsVocoder(nn.Module, ABC):
    """Prediction (and conditions) -> waveform at the vocoder's own level."""

    @abstractmethod
    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N') waveform, zeros behind a row's frames; length and level are restored by the model."""


class AbsCodecVocoder(AbsVocoder):
    """A vocoder that ends in a frozen codec.

    The codec is a part of the module (it moves to devices with it) but not of its checkpoints: it has a
    folder and an identity of its own, and hundreds of copies of the same frozen weights help nobody.
    """

    def __init__(self, codec: AbsCodec):
        super().__init__()
        self.codec = codec.requires_grad_(False).eval()
        self.register_state_dict_post_hook(self._leave_out_codec)
        self.register_load_state_dict_pre_hook(self._keep_codec)

    def train(self, mode: bool = True) -> "AbsCodecVocoder":
        super().train(mode)
        self.codec.eval()  # frozen: no dropout, no codebook update
        return self

    @staticmethod
    def _leave_out_codec(module: nn.Module, state_dict: dict, prefix: str, local_metadata: dict) -> None:
        for name in [name for name in state_dict if name.startswith(f"{prefix}codec.")]:
            del state_dict[name]

    @staticmethod
    def _keep_codec(module: nn.Module, state_dict: dict, prefix: str, *ignored) -> None:
        for name, value in module.codec.state_dict().items():
            state_dict[f"{prefix}codec.{name}"] = value
