"""SoloSpeech: the target's latents by diffusion, conditioned on the mixture's and the enrollment's (arXiv:2505.19314)."""

from dataclasses import dataclass
from typing import Any, Callable, Mapping

import torch
from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.encoder.latents import AbsLatentEncoder
from espnet_tse.flow.diffusion import faults_of_steps
from espnet_tse.flow.latent_diffusion import LatentDiffusion, LatentDiffusionDecode
from espnet_tse.io.scp import DataError
from espnet_tse.io.slots import Slot
from espnet_tse.layers.spectral_frames import unit_gain
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema import Conditions, Estimate, Frames, Request, TSEBatch
from espnet_tse.vocoder.latent_decoder import LatentDecoder


def autoencoder_of(tokenizers: Mapping[str, Any]) -> dict[str, Any]:
    """What encoder and vocoder are given."""
    return {"autoencoder": tokenizers["latent"]}


@dataclass(frozen=True)
class SoloSpeechConfig:
    """Everything is the parts'."""


class SoloSpeech(AbsTSEModel):
    """Compression by a VAE, extraction by diffusion, reconstruction by the VAE; a corrector is a system of its own.

    200,766,464 parameters at paper size without the VAE.
    """

    Config = SoloSpeechConfig
    Decode = LatentDiffusionDecode
    tokenizers = {"latent": AbsAutoencoder}
    slots = {
        "encoder": Slot("encoder", given=autoencoder_of, kind=AbsLatentEncoder),
        "new_lm": Slot("lm", deferred=True, kind=LatentDiffusion),
        "vocoder": Slot("vocoder", given=autoencoder_of, kind=LatentDecoder),
    }

    def __init__(
        self, config: SoloSpeechConfig, encoder: AbsLatentEncoder, lm: LatentDiffusion, vocoder: LatentDecoder
    ):
        super().__init__()
        self.config, self.encoder, self.lm, self.vocoder = config, encoder, lm, vocoder

    @classmethod
    def from_config(
        cls,
        config: SoloSpeechConfig,
        encoder: AbsLatentEncoder,
        new_lm: Callable[..., LatentDiffusion],
        vocoder: LatentDecoder,
    ) -> "SoloSpeech":
        lm = new_lm(
            latent_dim=encoder.latent_dim, context_dim=encoder.context_dim, speaker_dim=encoder.speaker_dim
        )
        return cls(config, encoder, lm, vocoder)

    @classmethod
    def faults_of_decoding(cls, conf: LatentDiffusionDecode, configs: Mapping[str, Any]) -> list[str]:
        return faults_of_steps(conf, configs["lm"])

    @property
    def sample_rate(self) -> int:
        return self.encoder.autoencoder.sample_rate

    def conditions(self, batch: TSEBatch) -> Conditions:
        return self.encoder(batch)

    def loss(self, batch: TSEBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The diffusion's criterion; in validation also what one evaluation leaves of the error of the mixture.

        Raises:
            DataError: the batch has no latents of targets.
        """
        target, conditions = target_latents(batch), self.encoder(batch)
        loss = self.lm.loss(conditions, target)
        return loss, {} if self.training else self.lm.errors(conditions, target)

    @torch.no_grad()
    def estimate(self, batch: TSEBatch, request: Request) -> Estimate:
        conditions = self.conditions_for(batch, request)
        prediction = self.lm.generate(conditions, request)
        waveform = self.vocoder.synthesize(prediction, conditions)
        # Latents do not tell the level; chunks of a long mixture have that of what they are extracted from.
        waveform = waveform / unit_gain(batch.mixture, batch.mixture_lengths)[:, None]
        return Estimate.of_prediction(waveform, batch, prediction)


def target_latents(batch: TSEBatch) -> Frames:
    """z_0 of a batch.

    Raises:
        DataError: it has none.
    """
    latents = batch.targets.get("latent")
    if latents is None:
        raise DataError(
            "this system learns from the target's latents; give --train_tokens and --valid_tokens latent=FOLDER "
            "(stage 5)."
        )
    return latents
