"""Extraction by masked or one-pass prediction of a tokenizer's codes."""

from dataclasses import dataclass
from typing import Any, Mapping

from torch import Tensor

from espnet_tse.io.slots import Slot
from espnet_tse.lm.masked_lm import MaskedLM
from espnet_tse.lm.unmasking import MaskedDecode
from espnet_tse.loss.code_cross_entropy import IGNORE, code_cross_entropy
from espnet_tse.models.abs_token_model import ENCODER, VOCODER, AbsTokenModel, mean_loss, target_codes
from espnet_tse.schema import Conditions, Prediction, Request, Streams, TSEBatch


def specs_of(tokenizers: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``MaskedLM`` is given: all streams of the codec."""
    acoustic = tokenizers["acoustic"]
    return {"specs": dict(acoustic.streams), "sample_rate": acoustic.sample_rate}


@dataclass(frozen=True)
class MaskedTSEConfig:
    """Everything is the language model's."""


class MaskedTSE(AbsTokenModel):
    """Conditions of both signals, all codes by a ``MaskedLM``, the codec's decoder.

    The machinery of Metis (arXiv:2502.03128) and AnyEnhance (arXiv:2501.15417); with ``encoder_only`` that of TSELM and
    LLaSE-G1. Their tokenizers and data are others.
    """

    Config = MaskedTSEConfig
    Decode = MaskedDecode
    slots = {"lm": Slot("lm", given=specs_of, kind=MaskedLM), "encoder": ENCODER, "vocoder": VOCODER}

    @classmethod
    def faults_of_decoding(cls, conf: MaskedDecode, configs: Mapping[str, Any]) -> list[str]:
        if "lm" not in configs or not configs["lm"].encoder_only:
            return []
        without_use = conf.changed("steps", "finer_steps", "confidence_noise", "remask")
        return [
            f"{setting} is for several passes, and lm_conf: {{encoder_only: true}} takes one; leave it out"
            for setting in without_use
        ]

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross entropy of masked codes, in nats.

        Raises:
            DataError: the batch has no codes.
        """
        codes = Streams({name: target_codes(batch, name) for name in self.lm.specs})
        return masked_loss(self.lm, self.encoder(batch), codes)

    def predict(self, conditions: Conditions, batch: TSEBatch, request: Request) -> Prediction:
        return self.lm.generate(conditions, request)


def masked_loss(lm: MaskedLM, conditions: Conditions, codes: Streams) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross entropy of the masked tokens, and each stream's accuracy on those of its first codebook."""
    masked, counted = lm.training_masks(codes)
    logits = lm.logits(conditions, codes, masked)
    losses, counts, stats = [], [], {}
    for name in lm.specs:
        labels = codes[name].values.masked_fill(~counted[name], IGNORE).transpose(1, 2)
        loss, accuracy = code_cross_entropy(logits[name], labels)
        losses.append(loss)
        counts.append((labels != IGNORE).sum())
        stats[f"acc_{name}"] = accuracy[0]
    return mean_loss(losses, counts), stats
