"""The criterion by which a system's speaker encoder learns: telling apart the speakers of the training set."""

from dataclasses import dataclass

from torch import Tensor, nn

from espnet_tse.encoder.enrolled_speaker import EnrolledSpeaker
from espnet_tse.loss.speaker_classes import speaker_cross_entropy
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Conditions, TSEBatch

LOGIT_SCALE = 10.0  # vectors of length 1 make no sharp distribution


@dataclass(frozen=True)
class SpeakerCriterionConfig:
    """What the speaker encoder learns beside the system's own criterion."""

    # Of the cross entropy of the enrolled speaker, which teaches the speaker encoder; a frozen one needs none.
    speaker_weight: float = 0.05
    num_speakers: int | None = None  # of the training set; training counts them itself

    def __post_init__(self):
        if self.speaker_weight < 0:
            raise ValueError(f"speaker_weight is {self.speaker_weight}, want 0 or more.")
        if self.num_speakers is not None and self.num_speakers < 1:
            raise ValueError(f"num_speakers is {self.num_speakers}, want 1 or more, or nothing.")

    @property
    def wants_speakers(self) -> bool:
        return self.speaker_weight > 0


class LearnsSpeakers(AbsTSEModel):
    """A model whose conditions have the vector ``speaker``, (B, E) of length 1."""

    config: SpeakerCriterionConfig

    def learn_speakers(self, encoder: EnrolledSpeaker) -> None:
        """Add the classes, if the encoder's speaker encoder is trained and its cross entropy counts."""
        self.learns_speakers = self.config.wants_speakers and any(
            weight.requires_grad for weight in encoder.speaker_encoder.parameters()
        )
        if self.learns_speakers:
            # The number of classes is that of training; to build and decode without it any will do.
            self.speaker_classes = nn.Linear(encoder.speaker_dim, self.config.num_speakers or 1)

    def with_speakers(
        self, loss: Tensor, stats: dict[str, Tensor], conditions: Conditions, batch: TSEBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and statistics with the speaker's cross entropy, in nats; as they are where it does not count.

        Raises:
            DataError: the batch has no numbers of speakers.
        """
        if not self.learns_speakers:
            return loss, stats
        logits = self.speaker_classes(LOGIT_SCALE * conditions.vectors["speaker"])
        stats = {**stats, "loss_speaker": speaker_cross_entropy(logits, batch.speaker, batch.mixture_lengths)}
        return loss + self.config.speaker_weight * stats["loss_speaker"], stats
