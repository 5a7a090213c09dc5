"""Mask2Flow-TSE: a mask removes, then one step of a flow inserts (arXiv:2603.12837)."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Mapping

import torch
from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.encoder.masked_mel import MaskedMel
from espnet_tse.flow.mel_flow import MelFlow, MelFlowDecode, faults_of_decoding
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Pretrained, Slot
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.models.speaker_criterion import LearnsSpeakers, SpeakerCriterionConfig
from espnet_tse.schema import Conditions, Estimate, Frames, Prediction, Request, Streams, TSEBatch
from espnet_tse.vocoder.abs_vocoder import AbsVocoder
from espnet_tse.vocoder.mel_vocoder import TrainedMelVocoder
from espnet_tse.vocoder.mixture_phase import MixturePhase

ENCODER = Slot("encoder", kind=MaskedMel)
VOCODER = Slot("vocoder", deferred=True, kind=MixturePhase)  # of the encoder's mel spectrograms
# A trained one instead, under ``tokenizers: mel``.
TRAINED_VOCODER = Slot(
    "vocoder",
    deferred=True,
    kind=TrainedMelVocoder,
    given=lambda tokenizers: {"autoencoder": tokenizers["mel"]},
)


class AbsMelModel(AbsTSEModel):
    """Conditions by a ``MaskedMel``, a mel spectrogram, a vocoder."""

    encoder: MaskedMel
    vocoder: AbsVocoder

    @property
    def sample_rate(self) -> int:
        return self.encoder.mel.config.sample_rate

    @abstractmethod
    def predict(self, conditions: Conditions, request: Request) -> Prediction:
        """Stream ``mel``."""

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions = self.encoder(batch)
        prediction = self.predict(conditions, request)
        return Estimate.of_prediction(self.vocoder.synthesize(prediction, conditions), batch, prediction)


class MelMask(AbsMelModel, LearnsSpeakers):
    """Stage 1 by itself: the masked spectrogram is the estimate."""

    Config = SpeakerCriterionConfig
    slots = {"encoder": ENCODER, "new_vocoder": VOCODER}

    def __init__(self, config: SpeakerCriterionConfig, encoder: MaskedMel, vocoder: MixturePhase):
        super().__init__()
        self.config, self.encoder, self.vocoder = config, encoder, vocoder
        self.learn_speakers(encoder)

    @classmethod
    def from_config(
        cls, config: SpeakerCriterionConfig, encoder: MaskedMel, new_vocoder: Callable[..., MixturePhase]
    ) -> "MelMask":
        return cls(config, encoder, new_vocoder(mel=encoder.mel))

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """|X_enh - Y|^2 (arXiv:2603.12837, Eq. 11) and the speaker's cross entropy.

        Raises:
            DataError: the batch has no target.
        """
        target, conditions = target_mel(self.encoder, batch), self.encoder(batch)
        error = mean_square(conditions.streams["masked"], target)
        stats = {"mse_masked": error, "mse_mixture": mean_square(conditions.streams["mixture"], target)}
        return self.with_speakers(error, stats, conditions, batch)

    def predict(self, conditions: Conditions, request: Request) -> Prediction:
        return Prediction(Streams(mel=conditions.streams["masked"]), num_function_evaluations=1)


@dataclass(frozen=True)
class Mask2FlowConfig:
    """Everything is the flow's."""


class Mask2Flow(AbsMelModel):
    """Both stages; training is of the flow, and the first stage is as it was trained before.

    The stages fit each other: a flow has to be trained anew behind another mask.
    """

    Config = Mask2FlowConfig
    Decode = MelFlowDecode
    slots = {
        "encoder": ENCODER,
        "new_lm": Slot("lm", deferred=True, kind=MelFlow),
        "new_vocoder": VOCODER,
    }
    pretrained = {"stage1": Pretrained(("encoder",))}

    def __init__(self, config: Mask2FlowConfig, encoder: MaskedMel, lm: MelFlow, vocoder: AbsVocoder):
        super().__init__()
        self.config = config
        self.encoder, self.lm, self.vocoder = encoder.requires_grad_(False), lm, vocoder

    @classmethod
    def from_config(
        cls,
        config: Mask2FlowConfig,
        encoder: MaskedMel,
        new_lm: Callable[..., MelFlow],
        new_vocoder: Callable[..., AbsVocoder],
    ) -> "Mask2Flow":
        lm = new_lm(num_mels=encoder.mel.config.num_mels, speaker_dim=encoder.speaker_dim)
        return cls(config, encoder, lm, new_vocoder(mel=encoder.mel))

    @classmethod
    def faults_of_decoding(cls, conf: MelFlowDecode, configs: Mapping[str, Any]) -> list[str]:
        return faults_of_decoding(conf, configs["lm"]) if "lm" in configs else []

    def train(self, mode: bool = True) -> "Mask2Flow":
        super().train(mode)
        self.encoder.eval()  # of stage 1, which is frozen here
        return self

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The flow's criterion; in validation also the squared errors of the mask and of one step.

        Raises:
            DataError: the batch has no target.
        """
        target = target_mel(self.encoder, batch)
        with torch.no_grad():
            conditions = self.encoder(batch)
        loss = self.lm.loss(conditions, target)
        if self.training:
            return loss, {}
        conf = MelFlowDecode()
        request = Request(batch.mixture_lengths, [str(row) for row in range(len(target.lengths))], conf)
        one_step = self.lm.generate(conditions, request).streams["mel"]
        return loss, {
            "mse_masked": mean_square(conditions.streams["masked"], target),
            "mse_one_step": mean_square(one_step, target),
        }

    def predict(self, conditions: Conditions, request: Request) -> Prediction:
        return self.lm.generate(conditions, request)


class VocodedMask2Flow(Mask2Flow):
    """With a mel vocoder that is trained by its own YAML.

    Its flow is that of a ``Mask2Flow``, whose weights it can begin with.
    """

    tokenizers = {"mel": AbsAutoencoder}
    slots = {**Mask2Flow.slots, "new_vocoder": TRAINED_VOCODER}
    pretrained = {
        "stage1": Pretrained(("encoder",), required=lambda config: False),
        "flow": Pretrained(("encoder", "lm"), required=lambda config: False),
    }


def target_mel(encoder: MaskedMel, batch: TSEBatch) -> Frames:
    """Y of a batch.

    Raises:
        DataError: it has no target.
    """
    if batch.target is None:
        raise DataError("this system learns from targets; the set wants spk1.scp, or mixing.yaml.")
    return encoder.target(batch)


def mean_square(values: Frames, target: Frames) -> Tensor:
    """Mean of the squared difference over bands and valid frames."""
    valid = ~target.padding_mask[..., None]
    error = (values.values - target.values) * valid
    return error.square().sum() / (valid.sum() * error.size(-1))
