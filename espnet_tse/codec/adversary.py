"""Adversarial training of codecs that make waveforms: MS-STFT discriminator, hinge, feature matching."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, relu


@dataclass(frozen=True)
class AdversaryConfig:
    """Sizes and weights, those of FunCodec's ds640 recipe (arXiv 2309.07405, Sec. 2.3 and 2.4)."""

    num_filters: int = 32
    n_ffts: tuple[int, ...] = (1024, 2048, 512)
    adversarial_weight: float = 1 / 9
    feature_weight: float = 100 / 9
    lr: float = 3e-4
    start_step: int = 0  # the codec trains alone before


class Adversary(nn.Module):
    """Discriminator with the losses of both sides."""

    Config = AdversaryConfig

    def __init__(self, config: AdversaryConfig):
        from espnet2.gan_codec.shared.discriminator.msstft_discriminator import MultiScaleSTFTDiscriminator

        super().__init__()
        self.config = config
        self.discriminator = MultiScaleSTFTDiscriminator(
            config.num_filters,
            n_ffts=list(config.n_ffts),
            hop_lengths=[n_fft // 4 for n_fft in config.n_ffts],
            win_lengths=list(config.n_ffts),
        )

    @classmethod
    def from_config(cls, config: AdversaryConfig) -> "Adversary":
        return cls(config)

    def discriminator_loss(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Hinge: mean relu(1 - D(target)) + relu(1 + D(estimate)) over the scales; (B, N) each."""
        real, fake = self._outputs(target), self._outputs(estimate.detach())
        losses = [relu(1 - r[-1]).mean() + relu(1 + f[-1]).mean() for r, f in zip(real, fake)]
        return torch.stack(losses).mean()

    def codec_losses(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What the codec pays: hinge of its estimate, and the L1 distance of the discriminator's features.

        Feature distances are relative to the mean size of the target's feature, as in EnCodec
        (arXiv 2210.13438, Eq. 2).
        """
        with torch.no_grad():
            real = self._outputs(target)
        fake = self._outputs(estimate)
        adversarial = torch.stack([relu(1 - outputs[-1]).mean() for outputs in fake]).mean()
        distances = [
            l1_loss(f, r) / r.abs().mean().clamp(min=1e-4)
            for real_scale, fake_scale in zip(real, fake)
            for r, f in zip(real_scale[:-1], fake_scale[:-1])
        ]
        return adversarial, torch.stack(distances).mean()

    def _outputs(self, waveform: Tensor) -> list[list[Tensor]]:
        """A scale's features and, last, its logits."""
        return self.discriminator(waveform[:, None])
