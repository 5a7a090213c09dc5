"""Distance of two waveforms in spectra of several resolutions."""

import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_tse.layers.mean_over_time import mean_over_time
from espnet_tse.schema.padding import valid_mask

RESOLUTIONS = ((512, 128), (1024, 256), (256, 64))  # (window, hop) in samples
FLOOR = 1e-5  # of a target of RMS 1


def multi_resolution_stft(
    estimate: Tensor,
    target: Tensor,
    lengths: Tensor,
    resolutions: tuple[tuple[int, int], ...] = RESOLUTIONS,
) -> Tensor:
    """Mean over resolutions of spectral convergence and log-magnitude distance (arXiv:1910.11480, Eqs. 4-6).

    Both signals are divided by the target's RMS first, so that the floor under the logarithm is relative.

    Args:
        estimate, target: (B, N); behind a row's length nothing is read.
        lengths: (B,) samples.
        resolutions: windows and hops.
    Returns:
        scalar, mean over time of the rows' |S - E|_F / |S|_F + mean |log S - log E| of the frames that reach the row;
        rows with a silent target count 0.
    """
    valid = valid_mask(lengths, target.size(1))
    target, estimate = target.float() * valid, estimate.float() * valid
    rms = (target.square().sum(dim=1, keepdim=True) / lengths[:, None]).sqrt()
    scale = torch.where(rms > FLOOR, 1 / rms.clamp_min(FLOOR), torch.zeros_like(rms))
    total = estimate.new_zeros(())
    for size, hop in resolutions:
        wanted, given = (magnitude(signal * scale, size, hop) for signal in (target, estimate))
        frames = valid_mask(1 + lengths // hop, wanted.size(1))[..., None]
        difference = ((wanted - given) * frames).square().sum(dim=(1, 2)).clamp_min(FLOOR**2).sqrt()
        convergence = difference / (wanted * frames).square().sum(dim=(1, 2)).sqrt().clamp_min(1.0)
        logs = ((wanted.log() - given.log()).abs() * frames).sum(dim=(1, 2))
        total = total + mean_over_time(
            convergence + logs / (frames.sum(dim=(1, 2)) * wanted.size(2)), lengths
        )
    return total / len(resolutions)


def magnitude(waveform: Tensor, size: int, hop: int) -> Tensor:
    """(B, N) -> (B, 1 + N // hop, size // 2 + 1), Hann window, never below ``FLOOR``."""
    padded = F.pad(waveform, (size // 2, size // 2))
    window = torch.hann_window(size, device=waveform.device)
    spectrum = torch.stft(padded, size, hop, window=window, center=False, return_complex=True)
    return torch.view_as_real(spectrum).square().sum(dim=-1).clamp_min(FLOOR**2).sqrt().transpose(1, 2)
