"""Mel bands of magnitudes, without a logarithm."""

import torch
from torch import Tensor, nn

from espnet_tse.layers.mel_filters import slaney_mel_filters


class LinearMel(nn.Module):
    """Magnitudes of centred Hann windows through Slaney's filters; the ends are reflected, T = 1 + N // hop."""

    def __init__(
        self, sample_rate: int, n_fft: int, window: int, hop_length: int, num_mels: int, lowest_hz: float
    ):
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        filters = slaney_mel_filters(sample_rate, n_fft, num_mels, lowest_hz)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """(b, N), N above n_fft / 2 -> (b, T, num_mels)."""
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = torch.stft(
                waveform, self.n_fft, self.hop_length, len(self.window), self.window, return_complex=True
            )
            return spectrum.abs().transpose(1, 2) @ self.filters
