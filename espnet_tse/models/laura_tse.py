"""LauraTSE: continuous prompts, coarse codes, one-pass refinement (arXiv:2601.06006, Sec. III).

The variants of the paper's Tables I to III are options of the parts; doc/lauratse_variants.md lists them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.lm.decoder_only import DecoderOnlyLM
from espnet_tse.lm.leading_codes import frames_behind, join_codes
from espnet_tse.lm.token_mixing import mix_tokens
from espnet_tse.loss.code_cross_entropy import code_cross_entropy, code_labels
from espnet_tse.loss.embedding_regression import embedding_regression
from espnet_tse.loss.filtered_spectrum import filtered_spectrum
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Codes, Conditions, DecodeConf, Estimate, Frames, Prediction, TSEBatch
from espnet_tse.io.scp import DataError
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder


@dataclass(frozen=True)
class LauraTSEConfig:
    """Weights of the joint criterion; the defaults are the paper's."""

    truth_share: float = 0.5  # rho: a wrong token is replaced by the true one with this probability
    code_weight: float = 1.0  # of the cross entropy
    regression_weight: float = 1.0  # of the embedding regression
    spectrum_weight: float = 0.0  # of the filtered spectrum, not in the paper; for vocoders that filter
    # "Decoder-Encoder-split" of Table I: language model and vocoder are two networks, each with an encoder
    # of its own, trained by their own loss. The vocoder has no separator, and learns from the tokens that
    # truth_share says: 1.0 ground truth, as released, 0.0 those of the language model.
    split: bool = False

    def __post_init__(self):
        if not 0.0 <= self.truth_share <= 1.0:
            raise ValueError(f"truth_share is {self.truth_share}, want a probability in [0, 1].")


class LauraTSE(AbsTSEModel):
    """Encoder-only and decoder-only stacks trained together; 76,529,794 parameters at paper size."""

    Config = LauraTSEConfig

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
            raise ValueError("model_conf: split: true wants an encoder for the vocoder, and without it there is none.")
        if config.split and lm.config.own_tables:
            raise ValueError("model_conf: split: true with lm_conf: {own_tables: true} leaves an encoder without use.")
        if config.spectrum_weight and vocoder.synthesis != "filter":
            raise ValueError("model_conf: spectrum_weight is for vocoder_conf: {synthesis: filter}; set it to 0.")
        self.encoder, self.lm, self.vocoder, self.config = encoder, lm, vocoder, config
        if config.split:
            self.vocoder_encoder = vocoder_encoder

    @classmethod
    def from_config(cls, config: LauraTSEConfig, encoder, lm, vocoder, vocoder_encoder=None) -> "LauraTSE":
        return cls(encoder, lm, vocoder, config, vocoder_encoder)

    @classmethod
    def remarks(cls, conf: DecodeConf, config: LauraTSEConfig) -> list[str]:
        if conf.refine or config.split:
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

        With ``spectrum_weight`` the spectrum of the mixture that the refined embeddings filter counts too.

        Raises:
            ValueError: the batch has no target codes, or codes of another rate; or no target where its
                spectrum counts.
        """
        codes = batch.target_codes
        if codes is None:
            raise DataError("LauraTSE learns from target codes; give --train_codes and --valid_codes (stage 5).")
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
        streams = batch.target_codes.coarse(self.lm.num_streams)
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
        return Conditions(self.lm.embed_frames(mixture), self.lm.embed_frames(enrollment))

    def codes_of(self, waveform: Tensor, lengths: Tensor) -> Codes:
        """The frozen codec's codes, (B, K, T), of (B, N) signals; in full precision, as stored codes are."""
        with torch.autocast(waveform.device.type, enabled=False):
            return self.codec.encode(waveform, lengths)

    def num_frames(self, lengths: Tensor) -> Tensor:
        """Code frames of signals of ``lengths`` samples, (B,)."""
        hop = self.codec.spec.hop_length
        return torch.div(lengths + hop - 1, hop, rounding_mode="floor")

    def spectrum_loss(self, batch: TSEBatch, estimate: Frames) -> Tensor:
        """``filtered_spectrum`` of the mixtures; ValueError without targets."""
        if batch.target is None:
            raise ValueError("spectrum_weight wants the target's waveform (spk1.scp, or dynamic mixing).")
        return filtered_spectrum(self.codec, batch.mixture, batch.target, batch.mixture_lengths, estimate)

    def coarse_embeddings(self, one_hot: Tensor, target: Frames) -> Frames:
        """D_n of (B, T, n, V) one-hot tokens; the tables are constants, the one-hots carry gradient."""
        values = torch.einsum("btnv,nvd->btd", one_hot, self.lm.codebooks.to(one_hot))
        return Frames(values.masked_fill(target.padding_mask[..., None], 0.0), target.lengths, target.frame_rate)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, conf: DecodeConf) -> Estimate:
        """Codes by the language model, embeddings by the refiner, samples by the codec.

        Raises:
            ValueError: the enrollment's codes are to be given to a model that does not predict them.
        """
        conditions = self.conditions_of(self.encoder, batch)
        prediction = self.generate(batch, conditions, conf)
        if self.config.split:
            conditions = self.conditions_of(self.vocoder_encoder, batch)
        waveform = self.decode(prediction, conditions, batch.mixture.size(0), conf.refine)
        return Estimate(
            waveform,
            batch.mixture_lengths,
            batch.sample_rate,
            codes=prediction.codes,
            num_function_evaluations=prediction.num_function_evaluations,
            diagnostics={"num_frames": int(prediction.codes.lengths.sum())},
        )

    def generate(self, batch: TSEBatch, conditions: Conditions, conf: DecodeConf) -> Prediction:
        """The target's first n codebooks (B, n, T'), frame by frame."""
        prompt, num_frames = self.prompt(batch, conditions), self.num_frames(batch.mixture_lengths)
        enrollment = self.leading_enrollment(batch, conf)
        return self.lm.generate(prompt, num_frames, conf, batch.keys, **enrollment)

    def leading_enrollment(self, batch: TSEBatch, conf: DecodeConf) -> dict:
        """Arguments of ``lm.generate`` about the enrollment's codes; none where they are not predicted."""
        if not self.lm.config.output_enrollment:
            if conf.give_enrollment:
                raise ValueError("give_enrollment is for models trained with lm_conf: {output_enrollment: true}.")
            return {}
        codes = self.codes_of(batch.enrollment, batch.enrollment_lengths) if conf.give_enrollment else None
        return {"enrollment_frames": self.num_frames(batch.enrollment_lengths), "enrollment_codes": codes}

    def decode(
        self, prediction: Prediction, conditions: Conditions, batch_size: int, refine: bool = True
    ) -> Tensor:
        """(B, N') waveform; a row for which nothing was generated is silent.

        Args:
            refine: False leaves the sum of the n codebook vectors as it is ("No-Encoder" of Table I).
        """
        rows = prediction.codes.lengths.nonzero()[:, 0]
        if len(rows) == 0:
            return conditions.mixture.values.new_zeros(batch_size, 1)
        codes = prediction.codes.rows(rows)
        kept = conditions.rows(rows)
        embeddings = self.codec.embed(codes)
        if refine:
            embeddings = self.vocoder.refine(kept, embeddings, self.separator)
        decoded = self.vocoder.synthesize(Prediction(codes=codes, embeddings=embeddings), kept)
        waveform = decoded.new_zeros(batch_size, decoded.size(1))
        waveform[rows] = decoded
        return waveform
