"""Extraction by masked or one-pass prediction of a tokenizer's codes."""

from dataclasses import dataclass
from typing import Any, Callable, Mapping

import torch
from torch import Tensor

from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.lm.masked_lm import MaskedDecode, MaskedLM
from espnet_tse.loss.code_cross_entropy import IGNORE, code_cross_entropy
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Conditions, Estimate, Request, Streams, TSEBatch
from espnet_tse.vocoder.abs_vocoder import AbsVocoder
from espnet_tse.vocoder.codec_decoder import CodecDecoder


def specs_of(tokenizers: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``MaskedLM`` is given: all streams of the codec."""
    acoustic = tokenizers["acoustic"]
    return {"specs": dict(acoustic.streams), "sample_rate": acoustic.sample_rate}


@dataclass(frozen=True)
class MaskedTSEConfig:
    """Everything is the language model's."""


class MaskedTSE(AbsTSEModel):
    """Conditions of both signals, all codes by a ``MaskedLM``, the codec's decoder.

    The machinery of Metis (arXiv:2502.03128) and AnyEnhance (arXiv:2501.15417); with ``encoder_only`` that of TSELM and
    LLaSE-G1. Their tokenizers and data are others.
    """

    Config = MaskedTSEConfig
    Decode = MaskedDecode
    slots = {
        "lm": Slot("lm", given=specs_of, kind=MaskedLM),
        "encoder": Slot("encoder", deferred=True),
        "vocoder": Slot(
            "vocoder", kind=CodecDecoder, given=lambda tokenizers: {"codec": tokenizers["acoustic"]}
        ),
    }
    tokenizers = {"acoustic": AbsTokenizer}

    def __init__(
        self, config: MaskedTSEConfig, encoder: AbsConditionEncoder, lm: MaskedLM, vocoder: AbsVocoder
    ):
        super().__init__()
        self.config, self.encoder, self.lm, self.vocoder = config, encoder, lm, vocoder

    @classmethod
    def from_config(
        cls,
        config: MaskedTSEConfig,
        lm: MaskedLM,
        encoder: Callable[..., AbsConditionEncoder],
        vocoder: AbsVocoder,
    ) -> "MaskedTSE":
        return cls(config, encoder(output_dim=lm.width), lm, vocoder)

    @property
    def sample_rate(self) -> int:
        return self.lm.sample_rate

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross entropy of masked codes, in nats.

        Raises:
            DataError: the batch has no codes.
        """
        missing = [name for name in self.lm.specs if name not in batch.targets]
        if missing:
            raise DataError(
                f"masked generation learns from the target's {missing[0]} codes; give --train_tokens and --valid_tokens "
                "acoustic=FOLDER (stage 5)."
            )
        codes = Streams({name: batch.targets[name] for name in self.lm.specs})
        return masked_loss(self.lm, self.encoder(batch), codes)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions = self.encoder(batch)
        prediction = self.lm.generate(conditions, request)
        waveform = self.vocoder.synthesize(prediction, conditions)
        num_frames = sum(
            int(codes.lengths.sum()) for codes in prediction.streams.values() if codes.frame_rate is not None
        )
        return Estimate(
            waveform,
            batch.mixture_lengths,
            batch.sample_rate,
            prediction,
            num_function_evaluations=prediction.num_function_evaluations,
            diagnostics={"num_frames": num_frames},
        )


def masked_loss(lm: MaskedLM, conditions: Conditions, codes: Streams) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross entropy of the masked tokens, and each stream's accuracy on those of its first codebook."""
    masked, counted = lm.training_masks(codes)
    logits = lm.logits(conditions, codes, masked)
    losses, counts, stats = [], [], {}
    for name in lm.specs:
        labels = torch.where(counted[name], codes[name].values, IGNORE).transpose(1, 2)
        count = (labels != IGNORE).sum()
        loss, accuracy = code_cross_entropy(logits[name], labels)
        losses.append(torch.where(count > 0, loss, 0.0))
        counts.append(count)
        stats[f"acc_{name}"] = accuracy[0]
    total = torch.stack(counts)
    return (torch.stack(losses) * total).sum() / total.sum().clamp_min(1), stats
