"""GenTSE: semantic units, then acoustic codes given them (arXiv:2512.20978).

The paper's body cannot be read; shapes and schedules are those of two digests of it and of its sister system
(arXiv:2507.09929). doc/gentse.md says which is which.
"""

from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping

import torch
from torch import Tensor

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.encoder.abs_encoder import AbsConditionEncoder, AbsSharedEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Pretrained, Slot
from espnet_tse.lm.stream_lm import StreamLM
from espnet_tse.lm.token_lm import TokenDecode
from espnet_tse.loss.code_cross_entropy import IGNORE, code_cross_entropy
from espnet_tse.loss.preference import log_probability, preference_loss
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Codes, Conditions, Estimate, Prediction, Request, Streams, TSEBatch
from espnet_tse.vocoder.abs_vocoder import AbsVocoder
from espnet_tse.vocoder.codec_decoder import CodecDecoder


def specs_of(tokenizers: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What a ``StreamLM`` is given: the streams of these tokenizers, each named as its tokenizer.

    Raises:
        ValueError: a tokenizer has no such stream.
    """
    for name in names:
        if name not in tokenizers[name].streams:
            raise ValueError(
                f"tokenizers: {name}: {type(tokenizers[name]).__name__} has the streams {sorted(tokenizers[name].streams)}, "
                f"and GenTSE wants '{name}'; name another tokenizer."
            )
    return {
        "specs": {name: tokenizers[name].streams[name] for name in names},
        "sample_rate": tokenizers[names[-1]].sample_rate,
    }


SEMANTIC_LM = Slot(
    "lm", option="semantic_lm", given=lambda tokenizers: specs_of(tokenizers, "semantic"), kind=StreamLM
)
ACOUSTIC_LM = Slot(
    "lm",
    option="acoustic_lm",
    given=lambda tokenizers: specs_of(tokenizers, "semantic", "acoustic"),
    kind=StreamLM,
)
# Frames of the width of their language model.
ENCODER = Slot("encoder", deferred=True, kind=AbsSharedEncoder)
ACOUSTIC_ENCODER = Slot("encoder", option="acoustic_encoder", deferred=True, kind=AbsSharedEncoder)
VOCODER = Slot("vocoder", kind=CodecDecoder, given=lambda tokenizers: {"codec": tokenizers["acoustic"]})


@dataclass(frozen=True)
class GenTSESemanticConfig:
    """How the first stage is trained."""

    # Frozen-LM Conditioning: share of the rows whose history is what the frozen base model predicts in one
    # teacher-forced pass; of stage 2 the units, too, are predicted. 0: teacher forcing.
    flc: float = 0.0

    def __post_init__(self):
        if not 0.0 <= self.flc <= 1.0:
            raise ValueError(f"flc is {self.flc}, want a share in [0, 1].")


@dataclass(frozen=True)
class GenTSEConfig(GenTSESemanticConfig):
    """How the second stage is trained."""

    # Beta of Direct Preference Optimisation of stage 2, on a set of ``make-preferences``; 0: none.
    dpo_beta: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.dpo_beta < 0:
            raise ValueError(f"dpo_beta is {self.dpo_beta}, want 0 or more.")
        if self.dpo_beta and self.flc:
            raise ValueError("dpo_beta and flc are trainings of their own; set one of them to 0.")


@dataclass(frozen=True)
class GenTSEDecode(TokenDecode):
    """Settings of an extraction by GenTSE; chunks are as long as the examples of training."""

    max_chunk_s: float = 4.0
    # Of stage 1; sampling, top_k, top_p and temperature are of stage 2, or of both.
    sample_semantic: bool = False

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.sample_semantic and not self.sampling:
            faults.append("sample_semantic draws only with sampling: true; set it, or leave this out")
        return faults


class GenTSESemantic(AbsTSEModel):
    """Stage 1 by itself: p(semantic units | enrollment, mixture). It makes no waveform."""

    Config = GenTSESemanticConfig
    Decode = GenTSEDecode
    slots = {"semantic_lm": SEMANTIC_LM, "encoder": ENCODER}
    tokenizers = {"semantic": AbsTokenizer}
    pretrained = {
        "base": Pretrained(
            ("encoder", "semantic_lm"),
            required=lambda config: config.flc > 0,
            frozen=lambda config: ("encoder", "semantic_lm") if config.flc > 0 else (),
            role="whose predictions flc, Frozen-LM Conditioning, takes for the history",
        )
    }

    def __init__(self, config: GenTSESemanticConfig, encoder: AbsConditionEncoder, semantic_lm: StreamLM):
        super().__init__()
        self.config, self.encoder, self.semantic_lm = config, encoder, semantic_lm

    @classmethod
    def from_config(
        cls, config: GenTSESemanticConfig, semantic_lm: StreamLM, encoder: Callable[..., AbsConditionEncoder]
    ) -> "GenTSESemantic":
        return cls(config, encoder(output_dim=semantic_lm.width), semantic_lm)

    @property
    def sample_rate(self) -> int:
        return self.semantic_lm.sample_rate

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross entropy of the units, with the history that ``flc`` says.

        Raises:
            DataError: the batch has no units.
        """
        codes, history = units_of(batch), None
        if self.config.flc:
            with torch.no_grad():
                conditions = self.frozen("encoder")(batch)
            predicted = self.frozen("semantic_lm").likeliest(conditions, Streams(), codes)
            rows = drawn_rows(len(codes.lengths), self.config.flc, self.training, codes.values.device)
            history = chosen_rows(rows, predicted, codes)
        loss, accuracy = token_loss(self.semantic_lm, self.encoder(batch), Streams(), codes, history)
        return loss, {"loss_semantic": loss, "acc_semantic": accuracy}

    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        raise DataError(
            "model gentse_semantic is the first stage of GenTSE and makes no waveform; extract with a system of "
            "model gentse that begins with it (pretrained: {stage1: ...})."
        )


class GenTSE(AbsTSEModel):
    """Both stages; training is of the second, and the first is as it was trained before.

    At paper size 155 and 166 million parameters with their input projections.
    """

    Config = GenTSEConfig
    Decode = GenTSEDecode
    slots = {
        "semantic_lm": SEMANTIC_LM,
        "encoder": ENCODER,
        "acoustic_lm": ACOUSTIC_LM,
        "acoustic_encoder": ACOUSTIC_ENCODER,
        "vocoder": VOCODER,
    }
    tokenizers = {"semantic": AbsTokenizer, "acoustic": AbsCodec}
    pretrained = {
        "stage1": Pretrained(("encoder", "semantic_lm"), role="which makes the units"),
        "base": Pretrained(
            ("acoustic_encoder", "acoustic_lm"),
            required=lambda config: config.flc > 0 or config.dpo_beta > 0,
            frozen=lambda config: ("acoustic_encoder", "acoustic_lm") if config.flc > 0 else (),
            role="whose predictions flc, Frozen-LM Conditioning, takes for the history, and dpo_beta for the reference",
        ),
    }

    def __init__(
        self,
        config: GenTSEConfig,
        encoder: AbsConditionEncoder,
        semantic_lm: StreamLM,
        acoustic_encoder: AbsConditionEncoder,
        acoustic_lm: StreamLM,
        vocoder: AbsVocoder,
    ):
        super().__init__()
        self.config = config
        self.encoder = encoder.requires_grad_(False)
        self.semantic_lm = semantic_lm.requires_grad_(False)
        self.acoustic_encoder, self.acoustic_lm, self.vocoder = acoustic_encoder, acoustic_lm, vocoder

    @classmethod
    def from_config(
        cls,
        config: GenTSEConfig,
        semantic_lm: StreamLM,
        encoder: Callable[..., AbsConditionEncoder],
        acoustic_lm: StreamLM,
        acoustic_encoder: Callable[..., AbsConditionEncoder],
        vocoder: AbsVocoder,
    ) -> "GenTSE":
        built = encoder(output_dim=semantic_lm.width), acoustic_encoder(output_dim=acoustic_lm.width)
        return cls(config, built[0], semantic_lm, built[1], acoustic_lm, vocoder)

    @property
    def sample_rate(self) -> int:
        return self.acoustic_lm.sample_rate

    def train(self, mode: bool = True) -> "GenTSE":
        super().train(mode)
        self.encoder.eval()  # of stage 1, which is frozen here
        self.semantic_lm.eval()
        return self

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross entropy of the acoustic codes given the units.

        With ``flc`` a row's units are those that stage 1 predicts in a teacher-forced pass, and its history
        those codes that the frozen base model predicts, given these units (arXiv:2512.20978, by a digest).

        With ``dpo_beta`` the sum of the cross entropy, given the predicted units, and of the preference for the
        better of two sequences, whose log-probabilities are read from the same logits.

        Raises:
            DataError: the batch has no units, no codes or no preferences.
        """
        units, codes, history = units_of(batch), codes_of(batch), None
        if self.config.dpo_beta:
            return self.preference_losses(batch, units, codes)
        if self.config.flc:
            with torch.no_grad():
                predicted = self.semantic_lm.likeliest(self.encoder(batch), Streams(), units)
                rows = drawn_rows(len(units.lengths), self.config.flc, self.training, units.values.device)
                units = chosen_rows(rows, predicted, units)
                conditions = self.frozen("acoustic_encoder")(batch)
                predicted = self.frozen("acoustic_lm").likeliest(conditions, Streams(semantic=units), codes)
                history = chosen_rows(rows, predicted, codes)
        conditions, earlier = self.acoustic_encoder(batch), Streams(semantic=units)
        loss, accuracy = token_loss(self.acoustic_lm, conditions, earlier, codes, history)
        return loss, {"loss_acoustic": loss, "acc_acoustic": accuracy}

    def preference_losses(
        self, batch: TSEBatch, units: Codes, codes: Codes
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross entropy and preference of one teacher-forced pass (arXiv:2507.09929, by which GenTSE's is read)."""
        stored = {
            name: batch.targets.get(name) for name in ("predicted_semantic", "better", "worse", "reference")
        }
        missing = [name for name, stream in stored.items() if stream is None]
        if missing:
            raise DataError(
                "dpo_beta wants sets with preferences, for training and for validation; make them by espnet-tse "
                "make-preferences and name them by --train_data_dir and --valid_data_dir."
            )
        given = stored["predicted_semantic"]
        given = Codes(given.values, given.lengths, units.frame_rate)
        logits = self.acoustic_lm.logits(self.acoustic_encoder(batch), Streams(semantic=given), codes)
        labels, padding = self.acoustic_tokens(codes), codes.padding_mask
        loss, accuracy = code_cross_entropy(
            logits[:, :, None], labels.masked_fill(padding, IGNORE)[..., None]
        )
        better, worse = (
            log_probability(logits, self.acoustic_tokens(stored[name]), padding)
            for name in ("better", "worse")
        )
        reference = stored["reference"].values[:, 0]
        preference, margin = preference_loss(better, worse, *reference.unbind(dim=1), self.config.dpo_beta)
        stats = {
            "loss_acoustic": loss,
            "acc_acoustic": accuracy[0],
            "loss_preference": preference,
            "margin": margin.mean(),
            "acc_preference": (margin > 0).float().mean(),
        }
        return loss + preference, stats

    def acoustic_tokens(self, codes: Codes) -> Tensor:
        """(B, T) numbers of acoustic codes in the vocabulary of stage 2."""
        return self.acoustic_lm.vocabulary.tokens("acoustic", codes.values[:, 0])

    @torch.no_grad()
    def reference_logits(self, batch: TSEBatch) -> tuple[Codes, Tensor]:
        """What preferences are drawn from: the predicted units, and teacher-forced logits (B, T, V) given them.

        Raises:
            DataError: the batch has no units or no codes.
        """
        units = self.semantic_lm.likeliest(self.encoder(batch), Streams(), units_of(batch))
        conditions = self.acoustic_encoder(batch)
        return units, self.acoustic_lm.logits(conditions, Streams(semantic=units), codes_of(batch))

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        """Units, unless the request gives them, then codes, then samples."""
        given, evaluations = request.given.streams if request.given else Streams(), 0
        if "semantic" not in given:
            # Draws of its own: those of the codes would be the same numbers.
            keys = [f"{key}/semantic" for key in request.keys]
            # The rows are candidates already, and without sampling more than one would be refused.
            sampling = request.conf.sample_semantic
            conf = replace(request.conf, sampling=sampling, sample_semantic=False, candidates=1)
            first = self.semantic_lm.generate(self.encoder(batch), replace(request, keys=keys, conf=conf))
            given, evaluations = Streams({**given, **first.streams}), first.num_function_evaluations
        request = replace(request, given=Prediction(given))
        conditions = self.acoustic_encoder(batch)
        prediction = self.acoustic_lm.generate(conditions, request)
        waveform = self.vocoder.synthesize(prediction, conditions)
        prediction.streams["semantic"] = given["semantic"]
        evaluations += prediction.num_function_evaluations
        return Estimate(
            waveform,
            batch.mixture_lengths,
            batch.sample_rate,
            prediction,
            num_function_evaluations=evaluations,
            diagnostics={"num_frames": int(prediction.streams["acoustic"].lengths.sum())},
        )


def token_loss(
    lm: StreamLM, conditions: Conditions, earlier: Streams, codes: Codes, history: Codes | None
) -> tuple[Tensor, Tensor]:
    """Mean cross entropy over the whole vocabulary, in nats, and the accuracy in [0, 1].

    Args:
        codes: (B, 1, T) the truth.
        history: what the positions see of the tokens before them; the truth when None.
    """
    logits = lm.logits(conditions, earlier, codes if history is None else history)
    labels = lm.vocabulary.tokens(lm.stream, codes.values[:, 0]).masked_fill(codes.padding_mask, IGNORE)
    loss, accuracy = code_cross_entropy(logits[:, :, None], labels[..., None])
    return loss, accuracy[0]


def units_of(batch: TSEBatch) -> Codes:
    """The target's semantic units; DataError without."""
    return stream_of(batch, "semantic")


def codes_of(batch: TSEBatch) -> Codes:
    """The target's acoustic codes; DataError without."""
    return stream_of(batch, "acoustic")


def stream_of(batch: TSEBatch, name: str) -> Codes:
    codes = batch.targets.get(name)
    if codes is None:
        raise DataError(
            f"GenTSE learns from the target's {name} tokens; give --train_tokens and --valid_tokens "
            f"{name}=FOLDER (stage 5)."
        )
    return codes


def drawn_rows(number: int, share: float, training: bool, device: torch.device) -> Tensor:
    """(number,) bool, the rows with predicted history; in validation all of them, or epochs would differ."""
    if share >= 1.0 or not training:
        return torch.ones(number, dtype=torch.bool, device=device)
    return torch.rand(number, device=device) < share


def chosen_rows(rows: Tensor, yes: Codes, no: Codes) -> Codes:
    """Rows of ``yes`` where ``rows`` says so, else of ``no``."""
    return Codes(torch.where(rows[:, None, None], yes.values, no.values), no.lengths, no.frame_rate)
