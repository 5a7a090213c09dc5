"""Log-mel frames of enrollments, as speaker recognition takes them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import melscale_fbanks

from espnet_tse.layers.sequence_norm import frame_mask

WINDOW_S, HOP_S = 0.025, 0.010
PRE_EMPHASIS = 0.97
FLOOR = 1e-8


class EnrollmentMel(nn.Module):
    """Pre-emphasis, 25 ms Hamming windows every 10 ms, mel bands from 20 Hz, log, utterance mean removed.

    Source: WeSep's feature extraction of the speaker branch (80 bands).
    """

    def __init__(self, sample_rate: int, num_mels: int):
        super().__init__()
        self.size, self.hop = round(WINDOW_S * sample_rate), round(HOP_S * sample_rate)
        self.n_fft = 2 ** (self.size - 1).bit_length()
        filters = melscale_fbanks(self.n_fft // 2 + 1, 20.0, sample_rate / 2, num_mels, sample_rate)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hamming_window(self.size), persistent=False)

    def num_frames(self, lengths: Tensor) -> Tensor:
        """Whole windows, one at least: (B,)."""
        return 1 + (lengths - self.size).clamp_min(0) // self.hop

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, N), zeros at padding -> (B, T, num_mels), zeros at padding, and frames a row (B,).

        Without lengths all rows are N samples, and None stands for their frames.
        """
        with torch.autocast(waveform.device.type, enabled=False):
            waveform = F.pad(waveform.float(), (1, max(0, self.size - waveform.size(1))))
            emphasised = waveform[:, 1:] - PRE_EMPHASIS * waveform[:, :-1]
            frames = emphasised.unfold(1, self.size, self.hop) * self.window
            power = torch.view_as_real(torch.fft.rfft(frames, n=self.n_fft)).square().sum(dim=-1)
            mel = (power @ self.filters + FLOOR).log()
        if lengths is None:
            return mel - mel.mean(dim=1, keepdim=True), None
        num_frames = self.num_frames(lengths)
        valid = frame_mask(mel, num_frames)
        mean = (mel * valid).sum(dim=1, keepdim=True) / num_frames[:, None, None]
        return (mel - mean) * valid, num_frames
