"""The enrollment as one vector, for encoders of mel and complex spectra."""

from torch import Tensor
from torch.nn import functional as F

from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel
from espnet_tse.schema import TSEBatch


class EnrolledSpeaker(AbsConditionEncoder):
    """With a speaker encoder; one that takes no waveform hears ``mel`` of the enrollment."""

    slots = {"new_speaker_encoder": SPEAKER_ENCODER}
    mel: ShiftedLogMel
    speaker_encoder: AbsSpeakerEncoder

    @property
    def speaker_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def speaker(self, batch: TSEBatch) -> Tensor:
        """(B, E) of length 1; that of the batch, where another model has made it."""
        encoder, signal, lengths = self.speaker_encoder, batch.enrollment, batch.enrollment_lengths
        if batch.speaker_embedding is not None:
            return F.normalize(batch.speaker_embedding.float(), dim=-1)
        if not encoder.takes_waveform:
            frames = self.mel(signal, lengths)
            signal, lengths = frames.values, frames.lengths
        return F.normalize(encoder(signal, lengths).float(), dim=-1)
