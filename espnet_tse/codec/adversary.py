"""The losses of codecs' adversaries and of the codecs that face them: hinge and feature matching."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, relu


@dataclass(frozen=True)
class AdversaryConfig:
    """What every adversary has."""

    num_filters: int = 32  # of the first layers
    adversarial_weight: float = 1.0  # what the codec pays for what shows that it is one
    feature_weight: float = 1.0
    lr: float = 3e-4
    start_step: int = 0  # the codec trains alone before

    def __post_init__(self):
        if self.num_filters < 1:
            raise ValueError(f"num_filters is {self.num_filters}, want 1 or more.")
        if self.lr <= 0:
            raise ValueError(f"lr is {self.lr}, want a positive rate.")
        if min(self.adversarial_weight, self.feature_weight, self.start_step) < 0:
            raise ValueError(f"weights and start_step of an adversary want 0 or more: {self}.")


class AbsAdversary(nn.Module, ABC):
    """Discriminators with the losses of both sides."""

    hears: str  # waveform or spectrum: what an objective has to make
    config: AdversaryConfig

    @abstractmethod
    def outputs(self, signal: Tensor) -> list[list[Tensor]]:
        """Of each discriminator its features and, last, its logits."""

    def discriminator_loss(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Hinge: mean relu(1 - D(target)) + relu(1 + D(estimate)) over the discriminators; batches of what it hears."""
        real, fake = self.outputs(target), self.outputs(estimate.detach())
        losses = [relu(1 - r[-1]).mean() + relu(1 + f[-1]).mean() for r, f in zip(real, fake)]
        return torch.stack(losses).mean()

    def codec_losses(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What the codec pays: hinge of its estimate, and the L1 distance of the discriminators' features.

        Feature distances are relative to the mean size of the target's feature, as in EnCodec
        (arXiv 2210.13438, Eq. 2).
        """
        with torch.no_grad():
            real = self.outputs(target)
        fake = self.outputs(estimate)
        adversarial = torch.stack([relu(1 - outputs[-1]).mean() for outputs in fake]).mean()
        distances = [
            l1_loss(f, r) / r.abs().mean().clamp(min=1e-4)
            for real_scale, fake_scale in zip(real, fake)
            for r, f in zip(real_scale[:-1], fake_scale[:-1])
        ]
        return adversarial, torch.stack(distances).mean()
