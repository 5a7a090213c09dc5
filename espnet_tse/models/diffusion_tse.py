"""Diffusion baselines: DPM-TSE of mel spectrograms, Diff-TSE of complex ones, both by a U-Net."""

from abc import abstractmethod
from typing import Any, Callable, Mapping, Self

import torch
from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.encoder.mixture_mel import MixtureMel
from espnet_tse.encoder.mixture_spectrum import MixtureSpectrum
from espnet_tse.flow.diffusion import faults_of_steps
from espnet_tse.flow.map_diffusion import MapDiffusion, MapDiffusionDecode
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.models.mask2flow import TRAINED_VOCODER
from espnet_tse.models.speaker_criterion import LearnsSpeakers, SpeakerCriterionConfig
from espnet_tse.schema import Conditions, Estimate, Request, TSEBatch
from espnet_tse.vocoder.abs_vocoder import AbsVocoder
from espnet_tse.vocoder.inverse_stft import InverseSTFT

LM = Slot("lm", deferred=True, kind=MapDiffusion)


class AbsDiffusionTSE(LearnsSpeakers):
    """Maps of the mixture and the speaker's vector, a diffusion, the way back to a waveform."""

    Config = SpeakerCriterionConfig
    Decode = MapDiffusionDecode

    def __init__(
        self,
        config: SpeakerCriterionConfig,
        encoder: MixtureMel | MixtureSpectrum,
        lm: MapDiffusion,
        vocoder: AbsVocoder,
    ):
        super().__init__()
        self.config, self.encoder, self.lm, self.vocoder = config, encoder, lm, vocoder
        self.learn_speakers(encoder)

    @classmethod
    def from_config(
        cls,
        config: SpeakerCriterionConfig,
        encoder: MixtureMel | MixtureSpectrum,
        new_lm: Callable[..., MapDiffusion],
        new_vocoder: Callable[..., AbsVocoder],
    ) -> Self:
        maps, analysis = cls.maps_of(encoder)
        return cls(config, encoder, new_lm(**maps, speaker_dim=encoder.speaker_dim), new_vocoder(**analysis))

    @staticmethod
    @abstractmethod
    def maps_of(encoder: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the diffusion is told of the maps, and the vocoder of their analysis."""

    @classmethod
    def faults_of_decoding(cls, conf: MapDiffusionDecode, configs: Mapping[str, Any]) -> list[str]:
        return faults_of_steps(conf, configs["lm"]) if "lm" in configs else []

    @property
    def sample_rate(self) -> int:
        return self.encoder.config.sample_rate

    def conditions(self, batch: TSEBatch) -> Conditions:
        return self.encoder(batch)

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The diffusion's criterion and the speaker's cross entropy; in validation also ``Diffusion.errors``.

        Raises:
            DataError: the batch has no target.
        """
        if batch.target is None:
            raise DataError("this system learns from targets; the set wants spk1.scp, or mixing.yaml.")
        conditions, target = self.encoder(batch), self.encoder.target(batch)
        stats = {} if self.training else self.lm.errors(conditions, target)
        return self.with_speakers(self.lm.loss(conditions, target), stats, conditions, batch)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions = self.conditions_for(batch, request)
        prediction = self.lm.generate(conditions, request)
        return Estimate.of_prediction(self.vocoder.synthesize(prediction, conditions), batch, prediction)


class DPMTSE(AbsDiffusionTSE):
    """Mel spectrograms, then a trained vocoder (DPM-TSE, arXiv:2310.04567); a speaker's vector for a sound's class."""

    tokenizers = {"mel": AbsAutoencoder}
    slots = {
        "encoder": Slot("encoder", kind=MixtureMel),
        "new_lm": LM,
        "new_vocoder": TRAINED_VOCODER,
    }

    @staticmethod
    def maps_of(encoder: MixtureMel) -> tuple[dict[str, Any], dict[str, Any]]:
        bands = encoder.mel.config.num_mels
        return {"stream": "mel", "num_channels": 1, "num_bins": bands}, {"mel": encoder.mel}


class DiffTSE(AbsDiffusionTSE):
    """Complex spectra, then the inverse STFT (Diff-TSE, arXiv:2308.03987)."""

    slots = {
        "encoder": Slot("encoder", kind=MixtureSpectrum),
        "new_lm": LM,
        "new_vocoder": Slot("vocoder", deferred=True, kind=InverseSTFT),
    }

    @staticmethod
    def maps_of(encoder: MixtureSpectrum) -> tuple[dict[str, Any], dict[str, Any]]:
        frames = encoder.frames
        return {"stream": "spectrum", "num_channels": 2, "num_bins": frames.num_bins}, {"frames": frames}
