"""The mixture's complex spectrum, the enrollment's, and the speaker's vector."""

from dataclasses import dataclass
from typing import Callable

from espnet_tse.encoder.enrolled_speaker import EnrolledSpeaker
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, encoder_at_rate
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel, ShiftedLogMelConfig
from espnet_tse.layers.spectral_frames import SpectralFrames, SpectralFramesConfig, unit_gain
from espnet_tse.schema import Conditions, Frames, Streams, TSEBatch, Vectors

MEL_WINDOW_S, MEL_HOP_S = 0.025, 0.010


@dataclass(frozen=True)
class MixtureSpectrumConfig(SpectralFramesConfig):
    """The analysis, and what speaker encoders hear that take no waveform."""

    num_mels: int = 80

    def __post_init__(self):
        super().__post_init__()
        mel_config(self)  # its checks


def mel_config(config: MixtureSpectrumConfig) -> ShiftedLogMelConfig:
    """25 ms every 10 ms at the spectrum's sample rate."""
    window, hop = (round(seconds * config.sample_rate) for seconds in (MEL_WINDOW_S, MEL_HOP_S))
    n_fft = 2 ** (window - 1).bit_length()
    return ShiftedLogMelConfig(config.sample_rate, n_fft, window, hop, config.num_mels)


class MixtureSpectrum(EnrolledSpeaker):
    """Streams ``mixture`` and ``enrollment``, (B, T, 2F) each at an RMS of 1; vector ``speaker`` of length 1."""

    Config = MixtureSpectrumConfig

    def __init__(self, config: MixtureSpectrumConfig, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]):
        super().__init__()
        self.config, self.frames = config, SpectralFrames(config)
        self.mel = ShiftedLogMel(mel_config(config))
        self.speaker_encoder = encoder_at_rate(
            new_speaker_encoder(input_dim=config.num_mels), config.sample_rate
        )

    @classmethod
    def from_config(
        cls, config: MixtureSpectrumConfig, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]
    ) -> "MixtureSpectrum":
        return cls(config, new_speaker_encoder)

    def forward(self, batch: TSEBatch) -> Conditions:
        streams = Streams(
            mixture=self.frames(batch.mixture, batch.mixture_lengths),
            enrollment=self.frames(batch.enrollment, batch.enrollment_lengths),
        )
        return Conditions(
            streams,
            Vectors(speaker=self.speaker(batch)),
            mixture_waveform=batch.mixture,
            mixture_num_samples=batch.mixture_lengths,
            enrollment_num_samples=batch.enrollment_lengths,
        )

    def target(self, batch: TSEBatch) -> Frames:
        """The target's spectrum at the gain that brings its mixture to an RMS of 1."""
        lengths = batch.mixture_lengths
        return self.frames(batch.target, lengths, unit_gain(batch.mixture, lengths))
