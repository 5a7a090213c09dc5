"""The mixture's mel spectrogram and the speaker's vector."""

from typing import Any, Callable, Self

from espnet_tse.encoder.enrolled_speaker import EnrolledSpeaker
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, encoder_at_rate
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel, ShiftedLogMelConfig
from espnet_tse.schema import Conditions, Frames, Streams, TSEBatch, Vectors


class AbsMixtureMel(EnrolledSpeaker):
    """Mixture, target and, for speaker encoders that take no waveform, enrollment by one ``ShiftedLogMel``."""

    def __init__(self, config: Any, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]):
        """
        Args:
            config: a ``ShiftedLogMelConfig``.
        """
        super().__init__()
        self.config, self.mel = config, ShiftedLogMel(config)
        self.speaker_encoder = encoder_at_rate(
            new_speaker_encoder(input_dim=config.num_mels), config.sample_rate
        )

    @classmethod
    def from_config(cls, config: Any, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]) -> Self:
        return cls(config, new_speaker_encoder)

    def analysed(self, batch: TSEBatch) -> Conditions:
        """Stream ``mixture``, (B, T, num_mels); vector ``speaker`` of length 1."""
        return Conditions(
            Streams(mixture=self.mel(batch.mixture, batch.mixture_lengths)),
            Vectors(speaker=self.speaker(batch)),
            mixture_waveform=batch.mixture,
            mixture_num_samples=batch.mixture_lengths,
        )

    def target(self, batch: TSEBatch) -> Frames:
        """Y, the target's mel spectrogram at the gain of its mixture."""
        lengths = batch.mixture_lengths
        return self.mel(batch.target, lengths, self.mel.gain(batch.mixture, lengths))


class MixtureMel(AbsMixtureMel):
    """The mixture as it is."""

    Config = ShiftedLogMelConfig

    def forward(self, batch: TSEBatch) -> Conditions:
        return self.analysed(batch)
