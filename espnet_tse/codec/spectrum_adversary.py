"""Adversary of codecs that draw log magnitudes: is a patch of a spectrogram drawn or real?"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import weight_norm

from espnet_tse.codec.adversary import AbsAdversary, AdversaryConfig

KERNEL = (3, 9)  # frames, bins


@dataclass(frozen=True)
class SpectrumAdversaryConfig(AdversaryConfig):
    """Sizes for trainings of minutes on a CPU; no paper's."""

    num_filters: int = 8  # of the first layers, twice as many behind them
    adversarial_weight: float = 0.1
    lr: float = 1e-3


class SpectrumAdversary(AbsAdversary):
    """Convolutions over frames and bins (PatchGAN, arXiv:1611.07004); hears log magnitudes (B, T, F).

    A codec that is trained by distances alone draws the mean of what a code may stand for, which is blurred; one that has
    to pass for real picks one of it. No waveform is needed, so this is as cheap as the codec.
    """

    Config = SpectrumAdversaryConfig
    hears = "spectrum"

    def __init__(self, config: SpectrumAdversaryConfig):
        super().__init__()
        self.config = config
        few, many = config.num_filters, 2 * config.num_filters
        # Patches of a voice differ by their place in the spectrum: the second channel is that place.
        sizes = [(2, few, KERNEL, 2), (few, few, KERNEL, 2), (few, many, KERNEL, 2), (many, many, (3, 3), 1)]
        self.layers = nn.ModuleList(convolution(*size) for size in sizes)
        self.logits = convolution(many, 1, (3, 3), 1)

    @classmethod
    def from_config(cls, config: SpectrumAdversaryConfig) -> "SpectrumAdversary":
        return cls(config)

    def outputs(self, signal: Tensor) -> list[list[Tensor]]:
        values = 0.5 * (signal + 2.0)  # natural logarithms of signals of RMS 1 lie between -6 and 3
        place = torch.linspace(-1, 1, values.size(2), device=values.device).expand_as(values)
        hidden, features = torch.stack([values, place.to(values)], dim=1), []
        for layer in self.layers:
            hidden = leaky_relu(layer(hidden), 0.2)
            features.append(hidden)
        return [[*features, self.logits(hidden)]]


def convolution(channels: int, filters: int, kernel: tuple[int, int], bin_stride: int) -> nn.Module:
    """As many frames as before, one of ``bin_stride`` bins."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    return weight_norm(nn.Conv2d(channels, filters, kernel, stride=(1, bin_stride), padding=padding))
