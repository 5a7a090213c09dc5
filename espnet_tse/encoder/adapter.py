"""Features of a front-end through one linear layer."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from espnet_tse.encoder.abs_encoder import AbsSharedEncoder
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.schema import Frames


@dataclass(frozen=True)
class AdapterConfig:
    """What is done to the features first."""

    feature_shift: float = 0.0  # is added to them
    feature_scale: float = 1.0  # then multiplies them; log_mel in dB wants 40 and 0.05


class AdapterEncoder(AbsSharedEncoder):
    """Frames of the generator's width, the same layer for both signals.

    The input projections of GenTSE (arXiv:2512.20978) and the adapter of UniSE (arXiv:2510.20441).
    """

    Config = AdapterConfig

    def __init__(self, frontend: AbsFrontend, config: AdapterConfig, output_dim: int):
        super().__init__()
        self.frontend, self.config = frontend, config
        self.projection = nn.Linear(frontend.output_dim, output_dim)

    @classmethod
    def from_config(cls, config: AdapterConfig, frontend: AbsFrontend, output_dim: int) -> "AdapterEncoder":
        return cls(frontend, config, output_dim)

    def encode(self, waveform: Tensor, lengths: Tensor) -> Frames:
        features = self.frontend(waveform, lengths)
        values = self.projection((features.values + self.config.feature_shift) * self.config.feature_scale)
        values = values.masked_fill(features.padding_mask[..., None], 0.0)
        return Frames(values, features.lengths, features.frame_rate)


class AcousticAdapterEncoder(AdapterEncoder):
    """A second one in a system, with a front-end of its own: ``acoustic_frontend``."""

    slots = {"frontend": replace(AbsSharedEncoder.slots["frontend"], option="acoustic_frontend")}
