"""The first stage of Mask2Flow-TSE: the mixture's mel spectrogram, masked, and the speaker's vector."""

from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Self

from torch import Tensor
from torch.nn import functional as F

from espnet_tse.encoder.enrolled_speaker import EnrolledSpeaker
from espnet_tse.encoder.mask_network import ConvMask, ConvMaskConfig, LSTMMask, LSTMMaskConfig, level_free
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, encoder_at_rate
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel, ShiftedLogMelConfig
from espnet_tse.schema import Conditions, Frames, Streams, TSEBatch, Vectors


@dataclass(frozen=True)
class MaskedMelConfig(ShiftedLogMelConfig):
    """Of both kinds of mask networks."""

    # The mask is a gain of the energy instead of a factor of the logarithm: for comparisons.
    energy_gain: bool = False


class MaskedMel(EnrolledSpeaker):
    """X_enh = M * X with M in (0, 1) (arXiv:2603.12837, Eq. 9): streams ``mixture`` and ``masked``, vector ``speaker``.

    The speaker's vector has length 1. Encoders that take no waveform hear the enrollment's ``ShiftedLogMel``.
    """

    Network: ClassVar[type]  # (config, num_mels, speaker_dim)

    def __init__(self, config: Any, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]):
        super().__init__()
        self.energy_gain, self.mel = config.energy_gain, ShiftedLogMel(config)
        self.speaker_encoder = encoder_at_rate(
            new_speaker_encoder(input_dim=config.num_mels), config.sample_rate
        )
        self.network = self.Network(config, config.num_mels, self.speaker_dim)

    @classmethod
    def from_config(cls, config: Any, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]) -> Self:
        return cls(config, new_speaker_encoder)

    def masked(self, mixture: Frames, speaker: Tensor) -> Frames:
        """X_enh, (B, T, num_mels), nowhere above X."""
        logits = self.network(level_free(mixture), speaker).float()
        if self.energy_gain:
            values = (mixture.values + F.logsigmoid(logits) / self.mel.config.divisor).clamp_min(0.0)
        else:
            values = mixture.values * logits.sigmoid()
        return Frames(values, mixture.lengths, mixture.frame_rate)

    def forward(self, batch: TSEBatch) -> Conditions:
        mixture, speaker = self.mel(batch.mixture, batch.mixture_lengths), self.speaker(batch)
        return Conditions(
            Streams(mixture=mixture, masked=self.masked(mixture, speaker)),
            Vectors(speaker=speaker),
            mixture_waveform=batch.mixture,
            mixture_num_samples=batch.mixture_lengths,
        )

    def target(self, batch: TSEBatch) -> Frames:
        """Y, the target's mel spectrogram at the gain of its mixture."""
        lengths = batch.mixture_lengths
        return self.mel(batch.target, lengths, self.mel.gain(batch.mixture, lengths))


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
