"""A trained vocoder of mel spectrograms."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class TrainedMelVocoderConfig:
    """Everything is the vocoder's."""


class TrainedMelVocoder(AbsVocoder):
    """Waveform of the stream ``mel`` by a frozen autoencoder; nothing of the mixture is heard."""

    Config = TrainedMelVocoderConfig

    def __init__(self, mel: ShiftedLogMel, autoencoder: AbsAutoencoder):
        """
        Raises:
            ValueError: it was trained on another analysis.
        """
        super().__init__()
        analysis = getattr(autoencoder.config, "analysis", None)
        if analysis != mel.analysis:
            raise ValueError(
                f"the vocoder under tokenizers: mel was trained on {analysis}, the system makes "
                f"{mel.analysis}; give it the same settings."
            )
        self.autoencoder = autoencoder.requires_grad_(False).eval()
        leave_out_of_checkpoints(self, "autoencoder")

    @classmethod
    def from_config(
        cls, config: TrainedMelVocoderConfig, mel: ShiftedLogMel, autoencoder: AbsAutoencoder
    ) -> "TrainedMelVocoder":
        return cls(mel, autoencoder)

    def train(self, mode: bool = True) -> "TrainedMelVocoder":
        super().train(mode)
        self.autoencoder.eval()
        return self

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        return self.autoencoder.decode(prediction.streams)
