"""Small but real tokenizers and autoencoders of the kinds that residual codecs are not."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_autoencoder import AbsAutoencoder
from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.schema import PADDING_CODE, Codes, Frames, Streams
from espnet_tse.schema.stream_spec import CodesSpec, FramesSpec

HOP = 320


def frames_of(signal: Tensor) -> Tensor:
    """(N,) -> (T, HOP), zeros behind the end."""
    return nn.functional.pad(signal, (0, -len(signal) % HOP)).view(-1, HOP)


@dataclass(frozen=True)
class VoiceAndUnitsConfig:
    """Sizes."""

    num_units: int = 50
    num_voice_tokens: int = 4


class VoiceAndUnits(AbsTokenizer):
    """As BiCodec: a fixed number of tokens for the voice, and the nearest of some centroids for each frame."""

    Config = VoiceAndUnitsConfig
    sample_rate = 16000

    def __init__(self, config: VoiceAndUnitsConfig):
        super().__init__()
        self.config = config
        self.register_buffer("centroids", torch.randn(config.num_units, HOP))

    @classmethod
    def from_config(cls, config: VoiceAndUnitsConfig) -> "VoiceAndUnits":
        return cls(config)

    @property
    def streams(self) -> dict[str, CodesSpec]:
        return {
            "global": CodesSpec(num_codebooks=1, codebook_size=16, num_tokens=self.config.num_voice_tokens),
            "semantic": CodesSpec(num_codebooks=1, codebook_size=self.config.num_units, hop_length=HOP),
        }

    def tokenize(self, waveform: Tensor, lengths: Tensor) -> Streams:
        units, voices = [], []
        for signal, length in zip(waveform, lengths.tolist()):
            frames = frames_of(signal[:length])
            units.append(torch.cdist(frames, self.centroids).argmin(dim=1))
            bands = torch.fft.rfft(frames).abs().mean(dim=0).tensor_split(self.config.num_voice_tokens)
            level = torch.stack([band.mean() for band in bands])
            voices.append((8 + 2 * level.clamp_min(1e-5).log2()).long().clamp(0, 15))
        num_frames = torch.tensor([len(row) for row in units])
        fixed = torch.full((len(voices),), self.config.num_voice_tokens)
        padded = pad_sequence(units, batch_first=True, padding_value=PADDING_CODE)
        return Streams(
            {
                "global": Codes(torch.stack(voices)[:, None], fixed, None),
                "semantic": Codes(padded[:, None], num_frames, self.sample_rate / HOP),
            }
        )


@dataclass(frozen=True)
class LinearAutoencoderConfig:
    """Sizes."""

    width: int = 12


class LinearAutoencoder(AbsAutoencoder):
    """A linear map of each frame of samples, and its pseudo-inverse."""

    Config = LinearAutoencoderConfig
    sample_rate = 16000

    def __init__(self, config: LinearAutoencoderConfig):
        super().__init__()
        self.config = config
        self.analysis = nn.Linear(HOP, config.width, bias=False)

    @classmethod
    def from_config(cls, config: LinearAutoencoderConfig) -> "LinearAutoencoder":
        return cls(config)

    @property
    def streams(self) -> dict[str, FramesSpec]:
        return {"latent": FramesSpec(width=self.config.width, hop_length=HOP)}

    def encode(self, waveform: Tensor, lengths: Tensor) -> Streams:
        rows = [
            self.analysis(frames_of(signal[:length])) for signal, length in zip(waveform, lengths.tolist())
        ]
        num_frames = torch.tensor([len(row) for row in rows])
        return Streams(
            latent=Frames(pad_sequence(rows, batch_first=True), num_frames, self.sample_rate / HOP)
        )

    def decode(self, streams: Streams) -> Tensor:
        return (streams["latent"].values @ torch.linalg.pinv(self.analysis.weight).T).flatten(1)
