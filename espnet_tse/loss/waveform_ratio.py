"""Ratios of energies of waveforms as training criteria: SI-SDR, SNR, and silence where no target is."""

import torch
from torch import Tensor

from espnet_tse.layers.mean_over_time import mean_over_time
from espnet_tse.schema.padding import valid_mask

EPS = 1e-8  # of the energy of what is compared: no ratio is above 80 dB
TINY = 1e-12
SILENT_RMS = 1e-6  # -120 dB: a target below it is absent


def present(target: Tensor, lengths: Tensor) -> Tensor:
    """(B,) bool, True where a row's target (B, N) is not digital silence."""
    energy = (target * valid_mask(lengths, target.size(1))).square().sum(dim=1)
    return energy > SILENT_RMS**2 * lengths


def decibel(signal: Tensor, noise: Tensor) -> Tensor:
    return 10 * (torch.log10(signal) - torch.log10(noise))


def negative_si_sdr(estimate: Tensor, target: Tensor, lengths: Tensor, max_db: float | None = None) -> Tensor:
    """Negative scale-invariant SDR, dB (arXiv:1811.02508, Eq. 5), both signals without their means.

    Args:
        estimate, target: (B, N); behind a row's length nothing is read.
        lengths: (B,) samples.
        max_db: rows as good as this have no more gradient to speak of (arXiv:2003.07503's soft threshold):
            the noise counts as max_db below the signal at least.
    Returns:
        scalar, mean over time; rows whose target is silent are 0. A silent estimate has a finite gradient.
    """
    valid = valid_mask(lengths, target.size(1))
    estimate, target = (
        (signal - (signal * valid).sum(dim=1, keepdim=True) / lengths[:, None]) * valid
        for signal in (estimate.float(), target.float())
    )
    energy = target.square().sum(dim=1)
    scale = (estimate * target).sum(dim=1) / (energy + TINY)
    wanted = scale.square() * energy
    noise = (estimate - scale[:, None] * target).square().sum(dim=1)
    floor = (EPS if max_db is None else 10 ** (-max_db / 10)) * wanted
    ratio = decibel(wanted + EPS * noise + TINY, noise + floor + TINY)
    return -mean_over_time(ratio, lengths, present(target, lengths))


def negative_snr(estimate: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Negative signal-to-noise ratio, dB: 10 log10(|s|^2 / |s - e|^2); the level counts.

    Returns:
        scalar, mean over time; rows whose target is silent are 0.
    """
    valid = valid_mask(lengths, target.size(1))
    energy = (target.float() * valid).square().sum(dim=1)
    noise = ((estimate.float() - target) * valid).square().sum(dim=1)
    ratio = decibel(energy + TINY, noise + EPS * energy + TINY)
    return -mean_over_time(ratio, lengths, present(target, lengths))


def absent_energy(
    estimate: Tensor, target: Tensor, mixture: Tensor, lengths: Tensor, floor_db: float = 30.0
) -> Tensor:
    """Level of the estimate below the mixture where the target is absent, dB.

    10 log10(|e|^2 / |m|^2 + 10^(-floor_db / 10)), the soft threshold of arXiv:2011.00803, Eq. 4, on inactive
    sources: an estimate ``floor_db`` below the mixture is silent enough.

    Returns:
        scalar, mean over time; rows whose target is not silent are 0.
    """
    valid = valid_mask(lengths, target.size(1))
    energy = (estimate.float() * valid).square().sum(dim=1)
    reference = (mixture.float() * valid).square().sum(dim=1)
    level = 10 * torch.log10(energy / (reference + TINY) + 10 ** (-floor_db / 10))
    return mean_over_time(level, lengths, ~present(target, lengths))
