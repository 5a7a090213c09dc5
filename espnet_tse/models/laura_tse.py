"""LauraTSE: continuous prompts, coarse codes, one-pass refinement (arXiv:2601.06006, Sec. III).

The variants of the paper's Tables I to III are options of the parts; doc/lauratse_variants.md lists them.
"""

from dataclasses import dataclass, replace
from typing import Any, Mapping

import torch
from torch import Tensor

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.encoder.abs_encoder import AbsConditionEncoder, AbsSharedEncoder
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.lm.decoder_only import DecoderOnlyDecode, DecoderOnlyLM
from espnet_tse.lm.leading_codes import frames_behind, join_codes
from espnet_tse.lm.token_mixing import mix_tokens
from espnet_tse.loss.code_cross_entropy import code_cross_entropy, code_labels
from espnet_tse.loss.drawn_spectrum import drawn_spectrum
from espnet_tse.loss.embedding_regression import embedding_regression
from espnet_tse.loss.filtered_spectrum import filtered_spectrum
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Codes, Conditions, Estimate, Frames, Prediction, Request, Streams, TSEBatch
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder

# E_m and E_r have the width of the codec's embeddings.
ENCODER = Slot(
    "encoder",
    kind=AbsSharedEncoder,
    given=lambda tokenizers: {"output_dim": tokenizers["acoustic"].spec.embedding_dim},
)
LM = Slot(
    "lm",
    kind=DecoderOnlyLM,
    given=lambda tokenizers: {
        "codebooks": tokenizers["acoustic"].codebooks,
        "spec": tokenizers["acoustic"].spec,
    },
)
VOCODER = Slot("vocoder", kind=AbsCodecVocoder, given=lambda tokenizers: {"codec": tokenizers["acoustic"]})


@dataclass(frozen=True)
class LauraTSEConfig:
    """Weights of the joint criterion; the defaults are the paper's."""

    truth_share: float = 0.5  # rho: a wrong token is replaced by the true one with this probability
    code_weight: float = 1.0  # of the cross entropy
    regression_weight: float = 1.0  # of the embedding regression
    # Of the spectrum that the codec draws, or that the vocoder's filter leaves of the mixture; not in the paper.
    spectrum_weight: float = 0.0
    # "Decoder-Encoder-split" of Table I: language model and vocoder are two networks, each with an encoder
    # of its own, trained by their own loss. The vocoder has no separator, and learns from the tokens that
    # truth_share says: 1.0 ground truth, as released, 0.0 those of the language model.
    split: bool = False

    def __post_init__(self):
        if not 0.0 <= self.truth_share <= 1.0:
            raise ValueError(f"truth_share is {self.truth_share}, want a probability in [0, 1].")


@dataclass(frozen=True)
class LauraTSEDecode(DecoderOnlyDecode):
    """Settings of an extraction by LauraTSE."""

    refine: bool = True  # False: the codec decodes the n predicted codebooks as they are ("No-Encoder")
    give_enrollment: bool = False  # "Ref output": the enrollment's codes are given, not predicted


class LauraTSE(AbsTSEModel):
    """Encoder-only and decoder-only stacks trained together; 76,529,794 parameters at paper size."""

    Config = LauraTSEConfig
    Decode = LauraTSEDecode
    slots = {
        "encoder": ENCODER,
        "vocoder_encoder": replace(ENCODER, when=lambda config: config.split),
        "lm": LM,
        "vocoder": VOCODER,
    }
    tokenizers = {"acoustic": AbsCodec}

    def __init__(
        self,
        encoder: AbsConditionEncoder,
        lm: DecoderOnlyLM,
        vocoder: AbsCodecVocoder,
        config: LauraTSEConfig = LauraTSEConfig(),
        vocoder_encoder: AbsConditionEncoder | None = None,
    ):
        """``vocoder_encoder``: the vocoder's own, where ``config.split``; else both have ``encoder``."""
        super().__init__()
        if config.split != (vocoder_encoder is not None):
            raise ValueError(
                "model_conf: split: true wants an encoder for the vocoder, and without it there is none."
            )
        if config.split and lm.config.own_tables:
            raise ValueError(
                "model_conf: split: true with lm_conf: {own_tables: true} leaves an encoder without use."
            )
        if config.spectrum_weight and not vocoder.codec.draws_spectrum:
            raise ValueError(
                "model_conf: spectrum_weight is for codecs that draw spectra, as codec: spectral; set it to 0."
            )
        self.encoder, self.lm, self.vocoder, self.config = encoder, lm, vocoder, config
        if config.split:
            self.vocoder_encoder = vocoder_encoder

    @classmethod
    def from_config(cls, config: LauraTSEConfig, encoder, lm, vocoder, vocoder_encoder=None) -> "LauraTSE":
        return cls(encoder, lm, vocoder, config, vocoder_encoder)

    @classmethod
    def faults_of_decoding(cls, conf: LauraTSEDecode, configs: Mapping[str, Any]) -> list[str]:
        faults = []
        if conf.give_enrollment and not configs["lm"].output_enrollment:
            faults.append(
                "give_enrollment is for models trained with lm_conf: {output_enrollment: true}; leave it out"
            )
        if configs["vocoder"].synthesis == "filter" and conf.length_mode != "exact":
            mode = f"length_mode: {conf.length_mode}"
            faults.append(f"{mode} is not for vocoder_conf: {{synthesis: filter}}; set it to exact")
        return faults

    @classmethod
    def remarks(cls, conf: LauraTSEDecode, configs: Mapping[str, Any]) -> list[str]:
        if conf.refine or configs["model"].split:
            return []
        return [
            "refine: false on a model whose language model and vocoder were trained together; 'No-Encoder' "
            "as published is of split training (model_conf: {split: true})"
        ]

    @property
    def codec(self):
        return self.vocoder.codec

    @property
    def sample_rate(self) -> int:
        return self.codec.spec.sample_rate

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """L_ce + L_reg on the straight-through tokens (arXiv:2601.06006, Sec. III-C), each with its weight.

        With ``spectrum_weight`` the spectrum of what the refined embeddings make counts too.

        Raises:
            ValueError: the batch has no target codes, or codes of another rate; or no target where its
                spectrum counts.
        """
        codes = batch.targets.get("acoustic")
        if codes is None:
            raise DataError(
                "LauraTSE learns from target codes; give --train_tokens and --valid_tokens acoustic=FOLDER "
                "(stage 5)."
            )
        conf, conditions = self.config, self.conditions_of(self.encoder, batch)
        code_loss, accuracy, frame_logits = self.predict_codes(batch, conditions)
        if conf.split:
            conditions = self.conditions_of(self.vocoder_encoder, batch)
            frame_logits = frame_logits.detach()
        streams = codes.values[:, : self.lm.num_streams]
        target = self.codec.embed(codes)

        def refined(truth_share: float, generator: torch.Generator | None = None) -> Frames:
            mixed = mix_tokens(frame_logits, streams.transpose(1, 2), truth_share, generator)
            return self.vocoder.refine(conditions, self.coarse_embeddings(mixed, target), self.separator)

        generator = None
        stats = {"loss_ce": code_loss}
        if not self.training:
            # Validation draws are seeded, or epochs would be compared on different coins.
            generator = torch.Generator(frame_logits.device).manual_seed(0)
            stats["loss_reg_predicted"] = embedding_regression(refined(0.0), target)
            stats["loss_reg_truth"] = embedding_regression(refined(1.0), target)
        estimate = refined(conf.truth_share, generator)
        stats["loss_reg"] = embedding_regression(estimate, target)
        loss = conf.code_weight * code_loss + conf.regression_weight * stats["loss_reg"]
        if conf.spectrum_weight:
            stats["loss_spectrum"] = self.spectrum_loss(batch, estimate)
            loss = loss + conf.spectrum_weight * stats["loss_spectrum"]
        stats |= {f"acc_{stream + 1}": accuracy[stream] for stream in range(self.lm.num_streams)}
        return loss, stats

    def conditions_of(self, encoder: AbsConditionEncoder, batch: TSEBatch) -> Conditions:
        """E_m and E_r as ``encoder`` makes them: the model's, or the vocoder's own where there are two."""
        return encoder(batch)

    def conditions(self, batch: TSEBatch) -> Conditions:
        return self.conditions_of(self.encoder, batch)

    @property
    def separator(self) -> Tensor | None:
        """(D,) the vocoder's token between enrollment and mixture; a network of its own has none."""
        return None if self.config.split else self.lm.separator

    def predict_codes(self, batch: TSEBatch, conditions: Conditions) -> tuple[Tensor, Tensor, Tensor]:
        """Teacher-forced pass of the language model.

        Returns:
            L_ce, scalar; accuracy of each stream over the target, (n,); logits of the target's frames
            without the end token, (B, T, n, V).
        """
        prompt, end = self.prompt(batch, conditions), self.lm.end_token
        streams = batch.targets["acoustic"].coarse(self.lm.num_streams)
        labels = code_labels(streams.values, streams.lengths, end)
        if not self.lm.config.output_enrollment:
            logits = self.lm(prompt, streams)
            loss, accuracy = code_cross_entropy(logits, labels)
        else:
            lead = self.codes_of(batch.enrollment, batch.enrollment_lengths)
            joined = join_codes(lead.coarse(self.lm.num_streams), streams)
            all_logits = self.lm(prompt, joined, lead.lengths)
            loss, _ = code_cross_entropy(all_logits, code_labels(joined.values, joined.lengths, end))
            # The enrollment's codes can be copied: accuracy, like regression, is of the target alone.
            logits = frames_behind(all_logits, lead.lengths, labels.size(1))
            _, accuracy = code_cross_entropy(logits, labels)
        return loss, accuracy, logits[:, :-1, :, :end]

    def prompt(self, batch: TSEBatch, conditions: Conditions) -> Conditions:
        """What the language model is prompted with: ``conditions``, or embedded codes ("Discrete IO")."""
        if not self.lm.config.own_tables:
            return conditions
        mixture = self.codes_of(batch.mixture, batch.mixture_lengths)
        enrollment = self.codes_of(batch.enrollment, batch.enrollment_lengths)
        streams = Streams(mixture=self.lm.embed_frames(mixture), enrollment=self.lm.embed_frames(enrollment))
        return replace(conditions, streams=streams)

    def codes_of(self, waveform: Tensor, lengths: Tensor) -> Codes:
        """The frozen codec's codes, (B, K, T), of (B, N) signals; in full precision, as stored codes are."""
        with torch.autocast(waveform.device.type, enabled=False):
            return self.codec.encode(waveform, lengths)

    def spectrum_loss(self, batch: TSEBatch, estimate: Frames) -> Tensor:
        """``filtered_spectrum`` of the mixtures, or ``drawn_spectrum``; ValueError without targets."""
        if batch.target is None:
            raise ValueError("spectrum_weight wants the target's waveform (spk1.scp, or dynamic mixing).")
        if self.vocoder.synthesis != "filter":
            return drawn_spectrum(self.codec, batch.target, batch.mixture_lengths, estimate)
        return filtered_spectrum(self.codec, batch.mixture, batch.target, batch.mixture_lengths, estimate)

    def coarse_embeddings(self, one_hot: Tensor, target: Frames) -> Frames:
        """D_n of (B, T, n, V) one-hot tokens; the tables are constants, the one-hots carry gradient."""
        values = torch.einsum("btnv,nvd->btd", one_hot, self.lm.codebooks.to(one_hot))
        return Frames(
            values.masked_fill(target.padding_mask[..., None], 0.0), target.lengths, target.frame_rate
        )

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        """Codes by the language model, embeddings by the refiner, samples by the codec.

        Raises:
            ValueError: the enrollment's codes are to be given to a model that does not predict them.
        """
        conditions = self.conditions_for(batch, request)
        prediction = self.generate(batch, conditions, request)
        if self.config.split:
            conditions = self.conditions_of(self.vocoder_encoder, batch)
        waveform = self.decode(prediction, conditions, request.conf.refine)
        num_frames = int(prediction.streams["acoustic"].lengths.sum())
        return Estimate.of_prediction(waveform, batch, prediction, {"num_frames": num_frames})

    def generate(self, batch: TSEBatch, conditions: Conditions, request: Request) -> Prediction:
        """The target's first n codebooks, ``acoustic`` (B, n, T'), frame by frame."""
        if request.conf.give_enrollment:
            if not self.lm.config.output_enrollment:
                raise ValueError(
                    "give_enrollment is for models trained with lm_conf: {output_enrollment: true}."
                )
            codes = self.codes_of(batch.enrollment, batch.enrollment_lengths)
            given = request.given.streams if request.given else {}
            request = replace(request, given=Prediction(Streams({**given, "enrollment": codes})))
        return self.lm.generate(self.prompt(batch, conditions), request)

    def decode(self, prediction: Prediction, conditions: Conditions, refine: bool = True) -> Tensor:
        """(B, N') waveform; a row for which nothing was generated is silent.

        Args:
            refine: False leaves the sum of the n codebook vectors as it is ("No-Encoder" of Table I).
        """
        lengths = prediction.streams["acoustic"].lengths
        rows = lengths.nonzero()[:, 0]
        if len(rows) == 0:
            return conditions.streams["mixture"].values.new_zeros(len(lengths), 1)
        kept, streams = conditions.rows(rows), prediction.streams.rows(rows)
        codes = streams["acoustic"]
        embeddings = self.codec.embed(codes)
        if refine:
            embeddings = self.vocoder.refine(kept, embeddings, self.separator)
        decoded = self.vocoder.synthesize(Prediction(Streams(acoustic=codes, embedding=embeddings)), kept)
        waveform = decoded.new_zeros(len(lengths), decoded.size(1))
        waveform[rows] = decoded
        return waveform
