"""LauraTSE: continuous prompts, coarse codes, one-pass refinement (arXiv:2601.06006, Sec. III)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.lm.decoder_only import DecoderOnlyLM
from espnet_tse.lm.token_mixing import mix_tokens
from espnet_tse.loss.code_cross_entropy import code_cross_entropy, code_labels
from espnet_tse.loss.embedding_regression import embedding_regression
from espnet_tse.loss.filtered_spectrum import filtered_spectrum
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Conditions, DecodeConf, Estimate, Frames, Prediction, TSEBatch
from espnet_tse.schema.scp import DataError
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder


@dataclass(frozen=True)
class LauraTSEConfig:
    """Weights of the joint criterion; the defaults are the paper's."""

    truth_share: float = 0.5  # rho: a wrong token is replaced by the true one with this probability
    code_weight: float = 1.0  # of the cross entropy
    regression_weight: float = 1.0  # of the embedding regression
    spectrum_weight: float = 0.0  # of the filtered spectrum, not in the paper; for vocoders that filter

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
    ):
        super().__init__()
        if config.spectrum_weight and vocoder.synthesis != "filter":
            raise ValueError("model_conf: spectrum_weight is for vocoder_conf: {synthesis: filter}; set it to 0.")
        self.encoder, self.lm, self.vocoder, self.config = encoder, lm, vocoder, config

    @classmethod
    def from_config(cls, config: LauraTSEConfig, encoder, lm, vocoder) -> "LauraTSE":
        return cls(encoder, lm, vocoder, config)

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
        conditions = self.encoder(batch)
        logits = self.lm(conditions, codes)
        streams = codes.values[:, : self.lm.num_streams]
        labels = code_labels(streams, codes.lengths, self.lm.end_token)
        code_loss, accuracy = code_cross_entropy(logits, labels)
        target = self.codec.embed(codes)
        frame_logits = logits[:, :-1, :, : self.lm.end_token]

        def refined(truth_share: float, generator: torch.Generator | None = None) -> Frames:
            mixed = mix_tokens(frame_logits, streams.transpose(1, 2), truth_share, generator)
            return self.vocoder.refine(conditions, self.coarse_embeddings(mixed, target), self.lm.separator)

        conf = self.config
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
        """Codes by the language model, embeddings by the refiner, samples by the codec."""
        conditions = self.encoder(batch)
        hop = self.codec.spec.hop_length
        num_frames = torch.div(batch.mixture_lengths + hop - 1, hop, rounding_mode="floor")
        prediction = self.lm.generate(conditions, num_frames, conf, batch.keys)
        waveform = self.decode(prediction, conditions, batch.mixture.size(0))
        return Estimate(
            waveform,
            batch.mixture_lengths,
            batch.sample_rate,
            codes=prediction.codes,
            num_function_evaluations=prediction.num_function_evaluations,
            diagnostics={"num_frames": int(prediction.codes.lengths.sum())},
        )

    def decode(self, prediction: Prediction, conditions: Conditions, batch_size: int) -> Tensor:
        """(B, N') waveform; a row for which nothing was generated is silent."""
        rows = prediction.codes.lengths.nonzero()[:, 0]
        if len(rows) == 0:
            return conditions.mixture.values.new_zeros(batch_size, 1)
        codes = prediction.codes.rows(rows)
        kept = conditions.rows(rows)
        embeddings = self.vocoder.refine(kept, self.codec.embed(codes), self.lm.separator)
        decoded = self.vocoder.synthesize(Prediction(codes=codes, embeddings=embeddings), kept)
        waveform = decoded.new_zeros(batch_size, decoded.size(1))
        waveform[rows] = decoded
        return waveform
