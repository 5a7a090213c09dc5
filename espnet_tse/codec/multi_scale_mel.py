"""Distance of two waveforms on mel and power spectra of several resolutions (FunCodec, arXiv 2309.07405)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss, pad
from torchaudio.functional import melscale_fbanks


class MultiScaleMelLoss(nn.Module):
    """Mean over windows of L1 + L2 between log10 mel spectra, and the same between log10 power spectra.

    Windows of 2^5 .. 2^10 samples, hop a quarter of the window, 64 mel bands (arXiv 2309.07405, Sec. 2.4).
    """

    def __init__(self, sample_rate: int, window_lengths: list[int], num_mels: int = 64, n_fft: int = 1024):
        super().__init__()
        self.window_lengths, self.n_fft = list(window_lengths), n_fft
        if not self.window_lengths or max(self.window_lengths) > n_fft:
            raise ValueError(f"window_lengths {self.window_lengths}: want some, none above n_fft {n_fft}.")
        filters = melscale_fbanks(
            n_fft // 2 + 1, 0.0, sample_rate / 2, num_mels, sample_rate, "slaney", "slaney"
        )
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """(B, N), (B, N) -> scalar; in full precision, for powers of loud signals are beyond float16."""
        with torch.autocast(estimate.device.type, enabled=False):
            return self._distance(estimate.float(), target.float())

    def _distance(self, estimate: Tensor, target: Tensor) -> Tensor:
        distances = []
        for length in self.window_lengths:
            powers = [self._power(signal, length) for signal in (estimate, target)]
            mels = [power @ self.filters for power in powers]
            for pair in (powers, mels):
                first, second = (torch.log10(values.clamp(min=1e-5)) for values in pair)
                distances.append(l1_loss(first, second) + mse_loss(first, second))
        return torch.stack(distances).sum() / len(self.window_lengths)

    def _power(self, signal: Tensor, length: int) -> Tensor:
        """(B, N) -> (B, frames, n_fft // 2 + 1)."""
        hop = length // 4
        margin = (self.n_fft - hop) // 2
        window = torch.hann_window(length, device=signal.device)
        spectrum = torch.stft(
            pad(signal, (margin, margin)), self.n_fft, hop, length, window, center=False, return_complex=True
        )
        return spectrum.abs().square().transpose(1, 2)
