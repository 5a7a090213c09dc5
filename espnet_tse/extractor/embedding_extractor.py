"""What extractors in the STFT domain share that are given the speaker as one embedding."""

from typing import Any, Callable, Self

from torch import Tensor

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder, encoder_at_rate
from espnet_tse.extractor.enrollment_mel import EnrollmentMel
from espnet_tse.layers.stft import STFT


class EmbeddingExtractor(AbsExtractor):
    """Base of extractors whose speaker encoder hears mel frames of the enrollment, or the enrollment itself.

    Their ``Config`` has ``sample_rate`` (Hz), ``n_fft``, ``hop_length`` (samples) and ``num_mels``.
    """

    slots = {"new_speaker_encoder": SPEAKER_ENCODER}

    def __init__(self, config: Any, speaker_encoder: AbsSpeakerEncoder):
        super().__init__()
        self.sample_rate = config.sample_rate
        self.stft = STFT(config.n_fft, config.hop_length)
        self.enrollment_mel = EnrollmentMel(config.sample_rate, config.num_mels)
        self.speaker_encoder = speaker_encoder

    @classmethod
    def from_config(cls, config: Any, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]) -> Self:
        return cls(
            config, encoder_at_rate(new_speaker_encoder(input_dim=config.num_mels), config.sample_rate)
        )

    @property
    def embedding_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        """(B, N_e) of unit level, zeros at padding -> an embedding (B, E)."""
        encoder = self.speaker_encoder
        if encoder.takes_waveform:
            return Cue(encoder(waveform, lengths))
        return Cue(encoder(*self.enrollment_mel(waveform, lengths)))
