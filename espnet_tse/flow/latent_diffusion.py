"""Diffusion of latents by SoloSpeech's transformer: noise beside the mixture's latents becomes the target's."""

from dataclasses import dataclass, fields
from typing import Callable

import torch
from torch import Tensor, nn

from espnet_tse.flow.diffusion import Diffusion, DiffusionConfig, DiffusionDecode
from espnet_tse.layers.normed_attention import KeysValues
from espnet_tse.layers.skip_diffusion_transformer import SkipDiT, SkipDiTConfig
from espnet_tse.schema import Conditions, Frames


@dataclass(frozen=True)
class LatentDiffusionConfig(DiffusionConfig, SkipDiTConfig):
    """179,131,520 parameters at the defaults with latents of 128 and a context of 384 (arXiv:2505.19314)."""

    def __post_init__(self):
        SkipDiTConfig.__post_init__(self)
        DiffusionConfig.__post_init__(self)


@dataclass(frozen=True)
class LatentDiffusionDecode(DiffusionDecode):
    """The paper's steps, where the released scripts take 200; of its 8 candidates one."""

    max_chunk_s: float = 20.0


class LatentDiffusion(Diffusion):
    """x_t beside the mixture's latents -> v, for an enrollment that is looked at or that shifts the time's embedding."""

    Config = LatentDiffusionConfig

    def __init__(
        self,
        config: LatentDiffusionConfig,
        latent_dim: int,
        context_dim: int | None = None,
        speaker_dim: int | None = None,
    ):
        """
        Args:
            context_dim: of the stream ``enrollment``; None without one.
            speaker_dim: of the vector ``speaker``; None without one.
        """
        super().__init__(config, "latent")
        sizes = SkipDiTConfig(**{field.name: getattr(config, field.name) for field in fields(SkipDiTConfig)})
        self.transformer = SkipDiT(sizes, 2 * latent_dim, latent_dim, context_dim)
        self.speaker = None if speaker_dim is None else nn.Linear(speaker_dim, config.width)

    @classmethod
    def from_config(cls, config: LatentDiffusionConfig, **sizes: int | None) -> "LatentDiffusion":
        return cls(config, **sizes)

    def network(self, conditions: Conditions) -> Callable[[Tensor, Tensor], Tensor]:
        mixture, context = conditions.streams["mixture"], conditions.streams.get("enrollment")
        allowed, context_allowed = mask_of(mixture), None if context is None else mask_of(context)
        seen: list[KeysValues | None] = self.transformer.prepare(None if context is None else context.values)
        beside = None if self.speaker is None else self.speaker(conditions.vectors["speaker"])

        def output(state: Tensor, steps: Tensor) -> Tensor:
            values = torch.cat([state, mixture.values.to(state)], dim=-1)
            time = steps / self.config.num_steps
            return self.transformer(values, time, seen, allowed, context_allowed, beside)

        return output


def mask_of(frames: Frames) -> Tensor | None:
    """(B, T) bool of valid frames; None where all are, which attention computes faster."""
    padding = frames.padding_mask
    # On a GPU the question would wait for what is computed there.
    return ~padding if padding.is_cuda or bool(padding.any()) else None
