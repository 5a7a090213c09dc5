"""USEF-Laura-TSE: a discriminative front-end in front of LauraTSE (arXiv:2601.06006, Sec. III-D).

doc/usef_laura_tse.md has the wiring, the options, and the rows of the paper's Tables IV to VI.
"""

import contextlib
from dataclasses import dataclass, replace
from typing import Any, Mapping

import torch
from torch import Tensor, nn

from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.extractor.abs_extractor import AbsExtractor
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Pretrained, Slot
from espnet_tse.lm.decoder_only import DecoderOnlyLM
from espnet_tse.lm.sampling import row_draws
from espnet_tse.lm.token_mixing import inject_codes
from espnet_tse.loss.filtered_spectrum import filtered_spectrum
from espnet_tse.loss.waveform_ratio import negative_si_sdr
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEConfig, LauraTSEDecode
from espnet_tse.schema import (
    PADDING_CODE,
    Codes,
    Conditions,
    Estimate,
    Frames,
    Prediction,
    Request,
    Streams,
    TSEBatch,
)
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder

FRONT_ENDS = ("trained", "frozen")
OUTPUTS = ("generative", "discriminative")
G_INPUTS = ("front+ref", "front+mix+ref", "mix+ref")
SI_SDR_MAX_DB = 30.0  # rows as good as this are left alone


@dataclass(frozen=True)
class USEFLauraTSEConfig(LauraTSEConfig):
    """LauraTSE's weights and what becomes of the front-end; the paper names neither lambda nor the wiring."""

    front_end: str = "trained"  # "frozen": as it was trained before, in eval mode
    si_sdr_weight: float = 0.0  # lambda: of the negative SI-SDR of the front-end's output, dB
    # What LauraTSE hears besides the enrollment: the front-end's output in place of the mixture; both, the
    # mixture's frames added through a linear layer that begins at zero; or the mixture alone, where the
    # front-end only gives pseudo-labels ("split" of Table VI).
    g_inputs: str = "front+ref"

    def __post_init__(self):
        super().__post_init__()
        for name, value, known in (
            ("front_end", self.front_end, FRONT_ENDS),
            ("g_inputs", self.g_inputs, G_INPUTS),
        ):
            if value not in known:
                raise ValueError(f"{name} '{value}' is none of {list(known)}.")
        if self.si_sdr_weight < 0.0:
            raise ValueError(f"si_sdr_weight is {self.si_sdr_weight}, want 0 (off) or more.")
        if self.front_end == "frozen" and self.si_sdr_weight:
            raise ValueError("front_end: frozen learns nothing; set si_sdr_weight: 0, or front_end: trained.")
        if self.front_end == "trained" and self.g_inputs == "mix+ref" and not self.si_sdr_weight:
            raise ValueError(
                "g_inputs: mix+ref trains no front-end; set front_end: frozen, or a si_sdr_weight."
            )
        if self.split and self.g_inputs == "front+mix+ref":
            raise ValueError("split: true shares nothing between its networks; use g_inputs: front+ref.")


@dataclass(frozen=True)
class USEFLauraTSEDecode(LauraTSEDecode):
    """LauraTSE's settings and those of a system with a front-end."""

    output: str = "generative"  # "discriminative": the front-end's own output (O = D)
    autoregressive: bool = True  # False (NAR): one pass with the codes of the front-end's output as history
    injection_ratio: float = 0.0  # R: NAR takes its codes for so large a share of those it would change

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.output not in OUTPUTS:
            faults.append(f"output '{self.output}' is none of {list(OUTPUTS)}")
        if not 0.0 <= self.injection_ratio <= 1.0:
            faults.append(f"injection_ratio is {self.injection_ratio}, want a share in [0, 1]")
        elif self.autoregressive and self.injection_ratio:
            faults.append(f"injection_ratio {self.injection_ratio} is for autoregressive: false; set it too")
        if self.output == "discriminative":
            without_use = self.changed(
                "autoregressive", "sampling", "candidates", "length_mode", "refine", "give_enrollment"
            )
            if without_use:
                faults.append(f"output: discriminative generates nothing; leave out {', '.join(without_use)}")
        elif not self.autoregressive and (
            self.sampling or self.length_mode != "exact" or self.give_enrollment
        ):
            faults.append(
                "autoregressive: false takes the likeliest codes of as many frames as the mixture has; leave "
                "out sampling, length_mode and give_enrollment"
            )
        return faults

    @property
    def draws(self) -> bool:
        """Also without sampling: with 0 < R < 1 it is drawn which codes give way."""
        return super().draws or 0.0 < self.injection_ratio < 1.0


class USEFLauraTSE(LauraTSE):
    """D-G: d = D(mixture, enrollment), then LauraTSE on (d, enrollment).

    82,035,019 trained parameters with USEF-TFGridNet-S, 92,771,071 with L. Inside, a batch goes on with d as
    its ``mixture``, so everything that LauraTSE does with a mixture it does with d: a vocoder that filters
    filters d, from which it can only take away. With the mixture among ``g_inputs`` that is filtered instead.
    """

    Config = USEFLauraTSEConfig
    Decode = USEFLauraTSEDecode
    # The extractor takes the weights of a discriminative system; a frozen one has to.
    slots = {**LauraTSE.slots, "extractor": Slot("extractor")}
    pretrained = {
        "front_end": Pretrained(("extractor",), required=lambda config: config.front_end == "frozen")
    }

    def __init__(
        self,
        extractor: AbsExtractor,
        encoder: AbsConditionEncoder,
        lm: DecoderOnlyLM,
        vocoder: AbsCodecVocoder,
        config: USEFLauraTSEConfig = USEFLauraTSEConfig(),
        vocoder_encoder: AbsConditionEncoder | None = None,
    ):
        super().__init__(encoder, lm, vocoder, config, vocoder_encoder)
        if extractor.sample_rate != self.sample_rate:
            raise DataError(
                f"extractor_conf says sample_rate: {extractor.sample_rate}, but the codec works at "
                f"{self.sample_rate} Hz; a front-end of that rate is wanted."
            )
        self.frozen = config.front_end == "frozen"
        # What of a trained one is frozen, as a pretrained speaker encoder, stays so.
        self.extractor = extractor.requires_grad_(False) if self.frozen else extractor
        if config.g_inputs == "front+mix+ref":
            width = self.codec.spec.embedding_dim
            self.mixture_to_front = nn.Linear(width, width)
            nn.init.zeros_(self.mixture_to_front.weight)
            nn.init.zeros_(self.mixture_to_front.bias)

    @classmethod
    def from_config(
        cls, config: USEFLauraTSEConfig, encoder, lm, vocoder, extractor, vocoder_encoder=None
    ) -> "USEFLauraTSE":
        return cls(extractor, encoder, lm, vocoder, config, vocoder_encoder)

    @classmethod
    def faults_of_decoding(cls, conf: USEFLauraTSEDecode, configs: Mapping[str, Any]) -> list[str]:
        faults = super().faults_of_decoding(conf, configs)
        if not conf.autoregressive and configs["lm"].output_enrollment:
            faults.append(
                "autoregressive: false is not for models with lm_conf: {output_enrollment: true}; leave it "
                "out"
            )
        return faults

    def train(self, mode: bool = True) -> "USEFLauraTSE":
        super().train(mode)
        if self.frozen:
            self.extractor.eval()
        return self

    def extracted(self, batch: TSEBatch) -> TSEBatch:
        """The batch with d (B, N) as ``extracted``, and as its mixture where LauraTSE hears nothing else."""
        with torch.no_grad() if self.frozen else contextlib.nullcontext():
            front = self.extractor(batch).waveform.float()
        if self.config.g_inputs == "front+ref":
            return replace(batch, mixture=front, extracted=front)
        return replace(batch, extracted=front)

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """LauraTSE's criterion + lambda (-SI-SDR of d), clipped at 30 dB.

        Raises:
            DataError: as ``LauraTSE.loss``, or no targets where SI-SDR counts.
        """
        weight = self.config.si_sdr_weight
        if weight and batch.target is None:
            raise DataError(
                "si_sdr_weight wants the target's waveform (spk1.scp, or dynamic mixing); set it to 0."
            )
        given = self.extracted(batch)
        loss, stats = super().loss(given)
        if weight or (batch.target is not None and not self.training):  # without weight it shows a drift of d
            criterion = negative_si_sdr(given.extracted, batch.target, batch.mixture_lengths, SI_SDR_MAX_DB)
            stats["loss_si_sdr"] = criterion
            loss = loss + weight * criterion if weight else loss
        return loss, stats

    def conditions_of(self, encoder: AbsConditionEncoder, batch: TSEBatch) -> Conditions:
        """As ``LauraTSE.conditions_of``; with both inputs E_d + W E_m takes the place of E_m."""
        conditions = encoder(batch)
        if self.config.g_inputs != "front+mix+ref":
            return conditions
        mixture = conditions.streams["mixture"]
        front = encoder(replace(batch, mixture=batch.extracted)).streams["mixture"]
        values = front.values + self.mixture_to_front(mixture.values)
        values = values.masked_fill(front.padding_mask[..., None], 0.0)
        front = Frames(values, front.lengths, front.frame_rate)
        return replace(conditions, streams=Streams({**conditions.streams, "mixture": front}))

    def conditions(self, batch: TSEBatch) -> Conditions:
        """As ``LauraTSE.conditions``, of what LauraTSE hears: candidates share those behind the front-end."""
        raw = batch.extracted is None and self.config.g_inputs != "mix+ref"
        return super().conditions(self.extracted(batch) if raw else batch)

    def spectrum_loss(self, batch: TSEBatch, estimate: Frames) -> Tensor:
        """As ``LauraTSE.spectrum_loss``; the level of d is its own, so the target is brought to it."""
        filters = self.vocoder.synthesis == "filter"
        if self.config.g_inputs != "front+ref" or batch.target is None or not filters:
            return super().spectrum_loss(batch, estimate)
        lengths = batch.mixture_lengths
        return filtered_spectrum(self.codec, batch.mixture, batch.target, lengths, estimate, any_level=True)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        """d itself (``conf.output``), or LauraTSE's estimate from it.

        The split cascade (``g_inputs: mix+ref``) decodes frame by frame without its front-end.
        Raises:
            ValueError: as ``LauraTSE.estimate``, or one pass of a model that predicts the enrollment too.
        """
        conf = request.conf
        if conf.output == "discriminative":
            front = self.extracted(batch).extracted
            return Estimate(front, batch.mixture_lengths, batch.sample_rate, num_function_evaluations=1)
        heard = self.config.g_inputs != "mix+ref" or not conf.autoregressive
        return super().estimate(self.extracted(batch) if heard else batch, request)

    def generate(self, batch: TSEBatch, conditions: Conditions, request: Request) -> Prediction:
        """As ``LauraTSE.generate``, or in one teacher-forced pass (NAR).

        NAR: c, the codes of d, are history and pseudo-labels; ``request.given`` may bring them as
        ``acoustic``. Of the likeliest codes y those that differ from c give way to it with probability R. The
        paper says that R injects c "into the decoding sequence", not how; this is what training does with the
        truth (``mix_tokens``).
        """
        conf = request.conf
        if conf.autoregressive:
            return super().generate(batch, conditions, request)
        if self.lm.config.output_enrollment:
            raise ValueError(
                "autoregressive: false is not for models with lm_conf: {output_enrollment: true}."
            )
        given = request.given.streams.get("acoustic") if request.given else None
        labels = given or self.codes_of(batch.extracted, batch.mixture_lengths)
        labels = labels.coarse(self.lm.num_streams)
        logits = self.lm(self.prompt(batch, conditions), labels)
        predicted = logits[:, :-1, :, : self.lm.end_token].argmax(dim=-1).transpose(1, 2)
        draws = row_draws(request.keys, conf.seed, predicted.size(2), self.lm.num_streams)
        values = inject_codes(predicted, labels.values, conf.injection_ratio, draws)
        values = values.masked_fill(labels.padding_mask[:, None], PADDING_CODE)
        return Prediction(
            Streams(acoustic=Codes(values, labels.lengths, labels.frame_rate)), num_function_evaluations=1
        )
