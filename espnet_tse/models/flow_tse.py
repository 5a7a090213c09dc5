"""Flows of one step on spectra: AD-FlowTSE, MeanFlow-TSE and AlphaFlowTSE as switches of one model."""

from typing import Any, Callable, Mapping

import torch
from torch import Tensor

from espnet_tse.encoder.mixture_spectrum import MixtureSpectrum
from espnet_tse.flow.mixing_ratio import mixing_of
from espnet_tse.flow.spectral_flow import Ends, SpectralFlow, SpectralFlowDecode, faults_of_decoding
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.layers.mean_over_time import mean_over_time
from espnet_tse.models.mask2flow import mean_square
from espnet_tse.models.speaker_criterion import LearnsSpeakers, SpeakerCriterionConfig
from espnet_tse.schema import Conditions, Estimate, Request, TSEBatch
from espnet_tse.vocoder.inverse_stft import InverseSTFT


class FlowTSE(LearnsSpeakers):
    """Spectrum and speaker's vector, a flow, the inverse STFT."""

    Config = SpeakerCriterionConfig
    Decode = SpectralFlowDecode
    slots = {
        "encoder": Slot("encoder", kind=MixtureSpectrum),
        "new_lm": Slot("lm", deferred=True, kind=SpectralFlow),
        "new_vocoder": Slot("vocoder", deferred=True, kind=InverseSTFT),
    }

    def __init__(
        self, config: SpeakerCriterionConfig, encoder: MixtureSpectrum, lm: SpectralFlow, vocoder: InverseSTFT
    ):
        """
        Raises:
            ValueError: compressed spectra on a path from the background, where mixtures then do not lie.
        """
        super().__init__()
        if lm.config.path == "background" and encoder.config.exponent != 1.0:
            raise ValueError(
                f"encoder_conf has exponent: {encoder.config.exponent}, and the compressed spectrum of a mixture is no point "
                "between those of background and target; leave it out, or take path: mixture. The network may hear "
                "compressed spectra on either path (input_exponent of lm_conf)."
            )
        self.config, self.encoder, self.lm, self.vocoder = config, encoder, lm, vocoder
        self.learn_speakers(encoder)

    @classmethod
    def from_config(
        cls,
        config: SpeakerCriterionConfig,
        encoder: MixtureSpectrum,
        new_lm: Callable[..., SpectralFlow],
        new_vocoder: Callable[..., InverseSTFT],
    ) -> "FlowTSE":
        lm = new_lm(num_bins=encoder.frames.num_bins, speaker_dim=encoder.speaker_dim)
        return cls(config, encoder, lm, new_vocoder(frames=encoder.frames))

    @classmethod
    def faults_of_decoding(cls, conf: SpectralFlowDecode, configs: Mapping[str, Any]) -> list[str]:
        return faults_of_decoding(conf, configs["lm"]) if "lm" in configs else []

    @property
    def sample_rate(self) -> int:
        return self.encoder.config.sample_rate

    def conditions(self, batch: TSEBatch) -> Conditions:
        return self.encoder(batch)

    def ends(self, batch: TSEBatch, conditions: Conditions) -> Ends:
        """Of the rows' paths."""
        frames, lengths = self.encoder.frames, batch.mixture_lengths
        if self.lm.config.path == "mixture":
            start, end = conditions.streams["mixture"].values, self.encoder.target(batch).values
            return Ends(start, end, torch.zeros_like(end[:, 0, 0]))
        mixing = mixing_of(batch.mixture, batch.target, lengths)
        background = frames(batch.mixture - batch.target, lengths, mixing.background_gain)
        target = frames(batch.target, lengths, mixing.target_gain)
        return Ends(background.values, target.values, mixing.ratio)

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The flow's criterion and the speaker's cross entropy; in validation also squared errors of the spectra.

        ``mse_one_step`` is that of the estimate, ``mse_mixture`` that of the mixture, ``mae_ratio`` of the mixing ratio.
        Raises:
            DataError: the batch has no target.
        """
        if batch.target is None:
            raise DataError("this system learns from targets; the set wants spk1.scp, or mixing.yaml.")
        conditions = self.encoder(batch)
        ends = self.ends(batch, conditions)
        loss, stats = self.lm.loss(conditions, ends)
        loss, stats = self.with_speakers(loss, stats, conditions, batch)
        if not self.training:
            stats |= self.errors(batch, conditions, ends)
        return loss, stats

    @torch.no_grad()
    def errors(self, batch: TSEBatch, conditions: Conditions, ends: Ends) -> dict[str, Tensor]:
        """What one step with the predicted ratio leaves of the mixture's error."""
        keys = [str(row) for row in range(len(batch.mixture))]
        prediction = self.lm.generate(conditions, Request(batch.mixture_lengths, keys, self.Decode()))
        target = self.encoder.target(batch)
        errors = {
            "mse_one_step": mean_square(prediction.streams["spectrum"], target),
            "mse_mixture": mean_square(conditions.streams["mixture"], target),
        }
        if self.lm.ratio is not None:
            error = (self.lm.predicted(conditions) - ends.begin).abs()
            errors["mae_ratio"] = mean_over_time(error, batch.mixture_lengths)
        return errors

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions = self.conditions_for(batch, request)
        prediction = self.lm.generate(conditions, request)
        return Estimate.of_prediction(self.vocoder.synthesize(prediction, conditions), batch, prediction)
