"""Latents of an autoencoder as conditions: the mixture's as they are, the enrollment's as a sequence or a vector."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor, nn

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.encoder.abs_encoder import AbsConditionEncoder
from espnet_tse.encoder.enrolled_speaker import EnrolledSpeaker
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder, encoder_at_rate
from espnet_tse.layers.frozen import HoldsFrozen
from espnet_tse.layers.rotary_transformer import RotaryTransformer, RotaryTransformerConfig
from espnet_tse.schema import Conditions, Frames, Streams, TSEBatch, Vectors


class AbsLatentEncoder(HoldsFrozen, AbsConditionEncoder):
    """Streams ``mixture`` and whatever describes the enrollment; the autoencoder is frozen."""

    context_dim: int | None = None  # width of the stream ``enrollment``, where there is one
    speaker_dim: int | None = None  # width of the vector ``speaker``, likewise

    def __init__(self, autoencoder: AbsAutoencoder):
        super().__init__()
        if "latent" not in autoencoder.streams:
            raise ValueError(f"{type(autoencoder).__name__} has no latents; name a VAE under tokenizers.")
        self.hold("autoencoder", autoencoder)

    @property
    def latent_dim(self) -> int:
        return self.autoencoder.streams["latent"].width

    @torch.no_grad()
    def latents(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """(B, N) samples -> (B, T, latent_dim), zeros at padding; in full precision, as stored latents are."""
        with torch.autocast(waveform.device.type, enabled=False):
            return self.autoencoder.encode(waveform, lengths)["latent"]

    def mixture_latents(self, batch: TSEBatch) -> Frames:
        """The stored ones, or those of the waveform."""
        stored = batch.mixture_streams.get("latent")
        return self.latents(batch.mixture, batch.mixture_lengths) if stored is None else stored

    def enrollment_latents(self, batch: TSEBatch) -> Frames:
        """The stored ones, or those of the waveform."""
        stored = batch.enrollment_streams.get("latent")
        return self.latents(batch.enrollment, batch.enrollment_lengths) if stored is None else stored

    @abstractmethod
    def describe(self, batch: TSEBatch) -> tuple[Streams, Vectors]:
        """Of the enrollment: the stream ``enrollment`` or the vector ``speaker``."""

    def forward(self, batch: TSEBatch) -> Conditions:
        streams, vectors = self.describe(batch)
        streams["mixture"] = self.mixture_latents(batch)
        return Conditions(streams, vectors)


@dataclass(frozen=True)
class LatentSequenceConfig(RotaryTransformerConfig):
    """21,634,944 parameters at the defaults with latents of 128."""

    context_dim: int = 384  # of what the diffusion looks at

    def __post_init__(self):
        super().__post_init__()
        if self.context_dim < 1:
            raise ValueError(f"context_dim is {self.context_dim}, want 1 or more.")


class LatentSequence(AbsLatentEncoder):
    """The enrollment's latents through a transformer, SoloSpeech's latent-space fusion (arXiv:2505.19314)."""

    Config = LatentSequenceConfig

    def __init__(self, config: LatentSequenceConfig, autoencoder: AbsAutoencoder):
        super().__init__(autoencoder)
        self.context_dim = config.context_dim
        self.projection = nn.Linear(self.latent_dim, config.context_dim)
        self.transformer = RotaryTransformer(config, config.context_dim, config.context_dim)

    @classmethod
    def from_config(cls, config: LatentSequenceConfig, autoencoder: AbsAutoencoder) -> "LatentSequence":
        return cls(config, autoencoder)

    def describe(self, batch: TSEBatch) -> tuple[Streams, Vectors]:
        latents = self.enrollment_latents(batch)
        values = self.transformer(self.projection(latents.values), ~latents.padding_mask)
        values = values.masked_fill(latents.padding_mask[..., None], 0.0)
        return Streams(enrollment=Frames(values, latents.lengths, latents.frame_rate)), Vectors()


@dataclass(frozen=True)
class LatentSpeakerConfig:
    """Everything is the speaker encoder's."""


class LatentSpeaker(EnrolledSpeaker, AbsLatentEncoder):
    """The enrollment as one vector, as in SoloAudio (arXiv:2409.08425) with a speaker's vector for the sound's.

    A speaker encoder that takes no waveform hears the enrollment's latents.
    """

    Config = LatentSpeakerConfig

    def __init__(self, autoencoder: AbsAutoencoder, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]):
        super().__init__(autoencoder)
        self.speaker_encoder = encoder_at_rate(
            new_speaker_encoder(input_dim=self.latent_dim), autoencoder.sample_rate
        )

    @classmethod
    def from_config(
        cls,
        config: Any,
        autoencoder: AbsAutoencoder,
        new_speaker_encoder: Callable[..., AbsSpeakerEncoder],
    ) -> "LatentSpeaker":
        return cls(autoencoder, new_speaker_encoder)

    def enrollment_frames(self, batch: TSEBatch) -> Frames:
        return self.enrollment_latents(batch)

    def describe(self, batch: TSEBatch) -> tuple[Streams, Vectors]:
        return Streams(), Vectors(speaker=self.speaker(batch))
