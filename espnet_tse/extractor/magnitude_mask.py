"""A mask of STFT magnitudes, of convolutions and recurrences over whole frames, after VoiceFilter.

Source: arXiv:1810.04826, with other layers.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import Cue, Extraction
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.extractor.embedding_extractor import EmbeddingExtractor
from espnet_tse.extractor.fusion import Fusion, check_fusion
from espnet_tse.layers.blstm import BLSTM
from espnet_tse.layers.convnext import ConvNeXtBlock
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.schema.padding import padding_mask

POWER_FLOOR = 1e-4  # of a mixture of unit level: the logarithm does not dwell on what is inaudible


@dataclass(frozen=True)
class MagnitudeMaskConfig:
    """The defaults are those of ``magnitude_mask_small.yaml``: an hour of one CPU core is a training."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 1024
    hop_length: int = 512
    width: int = 160
    num_recurrent: int = 2  # BLSTMs, each between two ConvNeXt blocks
    recurrent_width: int = 112  # units a direction
    expansion: int = 2  # of the blocks
    # Of the first layer's output and of what each BLSTM adds; for long trainings on few speakers.
    dropout: float = 0.0
    num_mels: int = 80  # of the enrollment, for speaker encoders that take frames
    fusion: str = "film"

    def __post_init__(self):
        sizes = (
            self.sample_rate,
            self.n_fft,
            self.hop_length,
            self.width,
            self.recurrent_width,
            self.expansion,
        )
        if min(*sizes, self.num_mels) < 1 or self.num_recurrent < 0:
            raise ValueError(
                f"sizes of magnitude_mask must be positive, and num_recurrent at least 0: {self}."
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout of magnitude_mask is {self.dropout}, want a share in [0, 1).")
        check_fusion(self.fusion)


class Recurrence(nn.Module):
    """x + Dropout(Linear(BLSTM(LayerNorm(x)))), on (B, T, C)."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.norm, self.lstm, self.linear = (
            nn.LayerNorm(width),
            BLSTM(width, hidden),
            nn.Linear(2 * hidden, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        added = self.linear(self.lstm(self.norm(values).transpose(0, 1), lengths)).transpose(0, 1)
        return values + self.dropout(added)


class MagnitudeMask(EmbeddingExtractor):
    """Log magnitudes, blocks that are each given the speaker, a mask in (0, 1) on the mixture's spectrum.

    A frame is one vector, where band-split networks have one a band, so that a parameter is used once a
    frame: on CPUs it hears ten times the audio in a time. VoiceFilter's convolutions over the time-frequency
    plane are ConvNeXt blocks over time here; the input of log magnitudes and the embedding in front of every
    block are ours.
    """

    Config = MagnitudeMaskConfig

    def __init__(self, config: MagnitudeMaskConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__(config, speaker_encoder)
        width, bins = config.width, self.stft.num_bins
        self.input, self.dropout = nn.Linear(bins, width), nn.Dropout(config.dropout)
        count = config.num_recurrent
        self.blocks = nn.ModuleList(ConvNeXtBlock(width, config.expansion) for _ in range(count + 1))
        self.recurrences = nn.ModuleList(
            Recurrence(width, config.recurrent_width, config.dropout) for _ in range(count)
        )
        self.fusions = nn.ModuleList(
            Fusion(config.fusion, width, self.embedding_dim) for _ in range(count + 1)
        )
        self.output = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, bins))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.stft.num_frames(lengths)
        spectrum = self.stft.analyze(mixture)  # (B, T, F, 2)
        padding = None if frames is None else padding_mask(frames, spectrum.size(1))
        levels = 0.25 * (spectrum.square().sum(dim=-1) + POWER_FLOOR).log()  # of order 1
        values = self.dropout(self.input(levels))
        for index, block in enumerate(self.blocks):
            values = block(self.fusions[index](values, cue.values), padding)
            if index < len(self.recurrences):
                values = self.recurrences[index](values, frames)
        mask = self.output(values).float().sigmoid()
        if padding is not None:
            mask = mask.masked_fill(padding[..., None], 0.0)
        return Extraction(
            self.stft.synthesize(spectrum * mask[..., None], mixture.size(1)), embedding=cue.values
        )
