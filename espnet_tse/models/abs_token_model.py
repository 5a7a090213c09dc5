"""What systems have in common that predict all codes of a tokenizer, which alone makes a waveform of them."""

from abc import abstractmethod
from typing import Any, Callable

import torch
from torch import Tensor

from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.encoder.abs_encoder import AbsConditionEncoder, AbsSharedEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Pretrained, Slot
from espnet_tse.lm.abs_generator import AbsGenerator
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Codes, Conditions, Estimate, Prediction, Request, TSEBatch
from espnet_tse.vocoder.abs_vocoder import AbsVocoder
from espnet_tse.vocoder.codec_decoder import CodecDecoder

ENCODER = Slot("encoder", deferred=True, kind=AbsSharedEncoder)  # frames of the width of the language model
VOCODER = Slot("vocoder", kind=CodecDecoder, given=lambda tokenizers: {"codec": tokenizers["acoustic"]})


class AbsTokenModel(AbsTSEModel):
    """Conditions of the signals, codes by the language model, samples by the tokenizer's decoder."""

    tokenizers = {"acoustic": AbsTokenizer}
    pretrained = {"base": Pretrained(("encoder", "lm"), required=lambda config: False)}

    def __init__(self, config: Any, encoder: AbsConditionEncoder, lm: AbsGenerator, vocoder: AbsVocoder):
        super().__init__()
        self.config, self.encoder, self.lm, self.vocoder = config, encoder, lm, vocoder

    @classmethod
    def from_config(
        cls, config: Any, lm: AbsGenerator, encoder: Callable[..., AbsConditionEncoder], vocoder: AbsVocoder
    ) -> "AbsTokenModel":
        return cls(config, encoder(output_dim=lm.width), lm, vocoder)

    @property
    def sample_rate(self) -> int:
        return self.lm.sample_rate

    def conditions(self, batch: TSEBatch) -> Conditions:
        return self.encoder(batch)

    @abstractmethod
    def predict(self, conditions: Conditions, batch: TSEBatch, request: Request) -> Prediction:
        """All streams of the tokenizer."""

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions = self.conditions_for(batch, request)
        prediction = self.predict(conditions, batch, request)
        at_a_rate = [codes for codes in prediction.streams.values() if codes.frame_rate is not None]
        num_frames = sum(int(codes.lengths.sum()) for codes in at_a_rate)
        waveform = self.vocoder.synthesize(prediction, conditions)
        return Estimate.of_prediction(waveform, batch, prediction, {"num_frames": num_frames})


def target_codes(batch: TSEBatch, name: str) -> Codes:
    """The target's codes of a stream.

    Raises:
        DataError: the batch has none.
    """
    codes = batch.targets.get(name)
    if codes is None:
        raise DataError(
            f"this system learns from the target's {name} codes; give --train_tokens and --valid_tokens acoustic=FOLDER "
            "(stage 5)."
        )
    return codes


def mean_loss(losses: list[Tensor], counts: list[Tensor]) -> Tensor:
    """The mean over everything that counts, from means of parts and how much each of them counts."""
    weights = torch.stack(counts)
    parts = torch.where(weights > 0, torch.stack(losses), 0.0)
    return (parts * weights).sum() / weights.sum().clamp_min(1)
