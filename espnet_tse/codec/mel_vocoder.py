"""A mel vocoder: magnitudes and phases of frames are drawn from mel bands, then an inverse STFT (Vocos, arXiv:2306.00814)."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.layers.convnext import ConvNeXtStack
from espnet_tse.layers.shifted_log_mel import MIXTURE_RMS, ShiftedLogMel, ShiftedLogMelConfig
from espnet_tse.schema import Frames, Streams
from espnet_tse.schema.padding import padding_mask, valid_mask
from espnet_tse.schema.stream_spec import FramesSpec, frames_of

LARGEST_LOG = 7.0  # of a magnitude: what is drawn stays finite


@dataclass(frozen=True)
class MelVocoderConfig(ShiftedLogMelConfig):
    """Analysis and sizes; 12,950,530 parameters at the defaults."""

    channels: int = 512
    num_blocks: int = 8
    expansion: int = 3

    def __post_init__(self):
        super().__post_init__()
        if min(self.channels, self.num_blocks, self.expansion) < 1:
            raise ValueError(f"sizes of a vocoder must be positive: {self}.")

    @property
    def analysis(self) -> ShiftedLogMelConfig:
        """Of the bands that it takes."""
        names = [field.name for field in fields(ShiftedLogMelConfig)]
        return ShiftedLogMelConfig(**{name: getattr(self, name) for name in names})


class MelVocoder(AbsAutoencoder):
    """Stream ``mel``, the spectrogram of ``ShiftedLogMel``; the encoder has no weights."""

    Config = MelVocoderConfig

    def __init__(self, config: MelVocoderConfig):
        super().__init__()
        self.config, self.sample_rate = config, config.sample_rate
        self.mel = ShiftedLogMel(config.analysis)
        bins = config.n_fft // 2 + 1
        sizes = (config.num_mels, config.channels, config.num_blocks, 2 * bins, config.expansion)
        self.network = ConvNeXtStack(*sizes)

    @classmethod
    def from_config(cls, config: MelVocoderConfig) -> "MelVocoder":
        return cls(config)

    @property
    def streams(self) -> dict[str, FramesSpec]:
        return {"mel": FramesSpec(self.config.num_mels, self.config.hop_length)}

    def encode(self, waveform: Tensor, lengths: Tensor) -> Streams:
        """The spectrogram without the frame that begins where a signal of whole hops ends."""
        values, frames = self.mel(waveform, lengths).values, frames_of(lengths, self.config.hop_length)
        values = values[:, : int(frames.max())] * valid_mask(frames, int(frames.max()))[..., None]
        return Streams(mel=Frames(values, frames, self.mel.frame_rate))

    def decode(self, streams: Streams) -> Tensor:
        """(B, T * hop_length) at the level at which signals are analysed."""
        bands = streams["mel"]
        padding = padding_mask(bands.lengths, bands.values.size(1))
        drawn = self.network(bands.values, padding if bool(padding.any()) else None).float()
        magnitude, angle = drawn.chunk(2, dim=-1)
        # An angle as it comes: its wraps are the same to sine and cosine.
        spectrum = torch.polar(magnitude.clamp_max(LARGEST_LOG).exp(), angle)
        spectrum = spectrum * ~padding[..., None]
        num_samples = bands.values.size(1) * self.config.hop_length
        # Frames are centred, so that the last hop wants one more, which is silent.
        spectrum = torch.cat([spectrum, torch.zeros_like(spectrum[:, :1])], dim=1)
        waveform = MIXTURE_RMS * self.mel.waveform(spectrum, num_samples)
        return waveform * valid_mask(bands.lengths * self.config.hop_length, num_samples)

    def coded_and_decoded(
        self, waveform: Tensor, num_codebooks: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As ``FunCodec.coded_and_decoded``, both at an RMS about 1; there is nothing to commit to."""
        lengths = torch.full_like(waveform[:, 0], waveform.size(1), dtype=torch.int64)
        target = waveform * self.mel.gain(waveform, lengths) / MIXTURE_RMS
        estimate = self.decode(self.encode(waveform, lengths))[:, : waveform.size(1)] / MIXTURE_RMS
        return estimate, target, torch.zeros((), device=waveform.device)
