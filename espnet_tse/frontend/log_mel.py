"""Log-mel spectrogram in dB below the loudest bin of the utterance."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.frontend.abs_frontend import AbsFrontend
from espnet_tse.layers.mel_filters import slaney_mel_filters
from espnet_tse.schema import Frames
from espnet_tse.schema.padding import padding_mask


@dataclass(frozen=True)
class LogMelConfig:
    """Analysis of LauraTSE's released configuration (16 kHz)."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 512  # also the window length, samples
    hop_length: int = 256  # samples
    num_mels: int = 128
    floor_db: float = 80.0  # dynamic range below the utterance maximum
    power_floor: float = 1e-10

    def __post_init__(self):
        if min(self.sample_rate, self.n_fft, self.hop_length, self.num_mels) < 1:
            raise ValueError(f"sizes of the log-mel front-end must be positive: {self}.")


class LogMel(AbsFrontend):
    """Waveform -> log-mel frames in [-floor_db, 0] dB, whatever the input's level.

    Source: the released LauraTSE configuration (arXiv:2601.06006, Sec. IV-B): centred frames with
    zero padding, periodic Hann window, power spectrum, Slaney bands, 10 log10 relative to the maximum
    of the utterance, floored 80 dB below it.
    """

    Config = LogMelConfig

    def __init__(self, config: LogMelConfig):
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        filters = slaney_mel_filters(config.sample_rate, config.n_fft, config.num_mels)
        self.register_buffer("filters", filters, persistent=False)

    @classmethod
    def from_config(cls, config: LogMelConfig, codec: AbsCodec | None = None) -> "LogMel":
        return cls(config)

    @property
    def output_dim(self) -> int:
        return self.config.num_mels

    @property
    def frame_rate(self) -> float:
        return self.config.sample_rate / self.config.hop_length

    def forward(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """Frames of a zero-padded batch, each row as if it were alone.

        Args:
            waveform: (B, N) float, any level; silence gives 0 dB everywhere and a finite gradient.
            lengths: (B,) int64, samples.
        Returns:
            (B, 1 + N // hop_length, num_mels) dB, padding at -floor_db.
        """
        conf = self.config
        valid = ~padding_mask(lengths, waveform.size(1))
        waveform = waveform * valid
        # Peak normalisation makes the power floor a floor relative to the signal, not to its level.
        peak = waveform.detach().abs().amax(dim=1, keepdim=True)
        waveform = waveform / torch.where(peak > 0, peak, torch.ones_like(peak))
        padded = F.pad(waveform, (conf.n_fft // 2, conf.n_fft // 2))
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = torch.stft(
                padded.float(),
                conf.n_fft,
                conf.hop_length,
                window=self.window,
                center=False,
                return_complex=True,
            )
            power = spectrum.real.square() + spectrum.imag.square()  # (B, F, T)
            mel = power.transpose(1, 2) @ self.filters
        level_db = 10.0 * torch.log10(mel.clamp_min(conf.power_floor))
        num_frames = 1 + lengths // conf.hop_length
        padding = padding_mask(num_frames, level_db.size(1))[..., None]
        loudest = level_db.detach().masked_fill(padding, float("-inf")).amax(dim=(1, 2), keepdim=True)
        relative = (level_db - loudest).clamp_min(-conf.floor_db)
        return Frames(relative.masked_fill(padding, -conf.floor_db), num_frames, self.frame_rate)
