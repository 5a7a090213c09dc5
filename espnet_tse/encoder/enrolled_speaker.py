"""The enrollment as one vector."""

from torch import Tensor
from torch.nn import functional as F

from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.layers.shifted_log_mel import ShiftedLogMel
from espnet_tse.schema import Frames, TSEBatch


class EnrolledSpeaker(AbsConditionEncoder):
    """With a speaker encoder; one that takes no waveform hears ``enrollment_frames``, a ``mel`` unless a class says otherwise."""

    slots = {"new_speaker_encoder": SPEAKER_ENCODER}
    mel: ShiftedLogMel
    speaker_encoder: AbsSpeakerEncoder

    @property
    def speaker_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def speaker(self, batch: TSEBatch) -> Tensor:
        """(B, E) of length 1; that of the batch, where another model has made it.

        Raises:
            DataError: the batch has one of another width.
        """
        return F.normalize(self.embedding(batch).float(), dim=-1)

    def embedding(self, batch: TSEBatch) -> Tensor:
        """(B, E) at any length."""
        given = batch.speaker_embedding
        if given is None:
            if self.speaker_encoder.takes_waveform:
                return self.speaker_encoder(batch.enrollment, batch.enrollment_lengths)
            frames = self.enrollment_frames(batch)
            return self.speaker_encoder(frames.values, frames.lengths)
        if given.size(1) != self.speaker_dim:
            raise DataError(
                f"embeddings of {given.size(1)} values, but {type(self).__name__} takes {self.speaker_dim}; set "
                "speaker_encoder_conf: {output_dim}, or leave the embeddings out."
            )
        return given

    def enrollment_frames(self, batch: TSEBatch) -> Frames:
        """What a speaker encoder that takes no waveform hears."""
        return self.mel(batch.enrollment, batch.enrollment_lengths)
