"""A trained vocoder of mel spectrograms."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.layers.frozen import HoldsFrozen
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel
from espnet_tse.schema import Conditions, Prediction
from espnet_tse.vocoder.abs_vocoder import AbsVocoder


@dataclass(frozen=True)
class TrainedMelVocoderConfig:
    """Everything is the autoencoder's."""


class TrainedMelVocoder(HoldsFrozen, AbsVocoder):
    """Waveform of the stream ``mel``; nothing of the mixture is heard but its level."""

    Config = TrainedMelVocoderConfig

    def __init__(self, mel: ShiftedLogMel, autoencoder: AbsAutoencoder):
        """
        Raises:
            ValueError: it was trained on another analysis.
        """
        analysis = getattr(autoencoder.config, "analysis", None)
        if analysis != mel.analysis:
            raise ValueError(
                f"the vocoder under tokenizers: mel was trained on {analysis}, the system makes "
                f"{mel.analysis}; give it the same settings."
            )
        super().__init__()
        self.hold("autoencoder", autoencoder)
        self.mel = mel

    @classmethod
    def from_config(
        cls, config: TrainedMelVocoderConfig, mel: ShiftedLogMel, autoencoder: AbsAutoencoder
    ) -> "TrainedMelVocoder":
        return cls(mel, autoencoder)

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N') from the stream ``mel``, at the mixture's level."""
        gain = self.mel.gain(conditions.mixture_waveform, conditions.mixture_num_samples)
        return self.autoencoder.decode(prediction.streams) / gain
