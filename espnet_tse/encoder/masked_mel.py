"""The first stage of Mask2Flow-TSE: the mixture's mel spectrogram, masked, and the speaker's vector."""

from dataclasses import dataclass
from typing import Any, Callable, ClassVar

from torch import Tensor
from torch.nn import functional as F

from espnet_tse.encoder.mask_network import ConvMask, ConvMaskConfig, LSTMMask, LSTMMaskConfig, level_free
from espnet_tse.encoder.mixture_mel import AbsMixtureMel
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.layers.shifted_log_mel import ShiftedLogMelConfig
from espnet_tse.schema import Conditions, Frames, TSEBatch


@dataclass(frozen=True)
class MaskedMelConfig(ShiftedLogMelConfig):
    """Of both kinds of mask networks."""

    # The mask is a gain of the energy instead of a factor of the logarithm: for comparisons.
    energy_gain: bool = False


class MaskedMel(AbsMixtureMel):
    """X_enh = M * X with M in (0, 1) (arXiv:2603.12837, Eq. 9): also the stream ``masked``."""

    Network: ClassVar[type]  # (config, num_mels, speaker_dim)

    def __init__(self, config: Any, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]):
        super().__init__(config, new_speaker_encoder)
        self.energy_gain = config.energy_gain
        self.network = self.Network(config, config.num_mels, self.speaker_dim)

    def masked(self, mixture: Frames, speaker: Tensor) -> Frames:
        """X_enh, (B, T, num_mels), nowhere above X."""
        logits = self.network(level_free(mixture), speaker).float()
        if self.energy_gain:
            values = (mixture.values + F.logsigmoid(logits) / self.mel.config.divisor).clamp_min(0.0)
        else:
            values = mixture.values * logits.sigmoid()
        return Frames(values, mixture.lengths, mixture.frame_rate)

    def forward(self, batch: TSEBatch) -> Conditions:
        conditions = self.analysed(batch)
        mixture, speaker = conditions.streams["mixture"], conditions.vectors["speaker"]
        conditions.streams["masked"] = self.masked(mixture, speaker)
        return conditions


@dataclass(frozen=True)
class LSTMMaskedMelConfig(LSTMMaskConfig, MaskedMelConfig):
    """Analysis and network."""

    def __post_init__(self):
        LSTMMaskConfig.__post_init__(self)
        MaskedMelConfig.__post_init__(self)


class LSTMMaskedMel(MaskedMel):
    """With the network of the paper's first version."""

    Config, Network = LSTMMaskedMelConfig, LSTMMask


@dataclass(frozen=True)
class ConvMaskedMelConfig(ConvMaskConfig, MaskedMelConfig):
    """Analysis and network."""

    def __post_init__(self):
        ConvMaskConfig.__post_init__(self)
        MaskedMelConfig.__post_init__(self)


class ConvMaskedMel(MaskedMel):
    """With a network of convolutions, as the paper's second version is said to have."""

    Config, Network = ConvMaskedMelConfig, ConvMask
