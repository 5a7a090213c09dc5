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
from espnet_tse.layers.convnext import CausalConvNeXtBlock, ConvNeXtBlock
from espnet_tse.layers.forward_lstm import ForwardLSTM
from espnet_tse.layers.running_level import RunningLevel
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.schema.padding import padding_mask

POWER_FLOOR = 1e-4  # of a mixture of unit level: the logarithm does not dwell on what is inaudible
MEMORY_S = 2.0  # of the running level of a causal network
LEAST_POWER = 1e-8  # of its samples, -80 dBFS: digital silence is not turned up


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
    causal: bool = False

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
    """x + Dropout(Linear(LSTM(LayerNorm(x)))), on (B, T, C); both directions, or forward alone."""

    def __init__(self, width: int, hidden: int, dropout: float, causal: bool = False):
        super().__init__()
        self.causal, self.norm = causal, nn.LayerNorm(width)
        self.lstm = ForwardLSTM(width, hidden) if causal else BLSTM(width, hidden)
        self.linear = nn.Linear(hidden if causal else 2 * hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, lengths: Tensor | None, state: StreamState | None = None) -> Tensor:
        past = {"state": state} if self.causal else {}
        added = self.linear(self.lstm(self.norm(values).transpose(0, 1), lengths, **past)).transpose(0, 1)
        return values + self.dropout(added)


class MagnitudeMask(EmbeddingExtractor):
    """Log magnitudes, blocks that are each given the speaker, a mask in (0, 1) on the mixture's spectrum.

    A frame is one vector, where band-split networks have one a band, so that a parameter is used once a
    frame: on CPUs it hears ten times the audio in a time. VoiceFilter's convolutions over the time-frequency
    plane are ConvNeXt blocks over time here; the input of log magnitudes and the embedding in front of every
    block are ours. A causal variant sees the mixture at the level of its last two seconds, and is ``n_fft`` samples late.
    """

    Config = MagnitudeMaskConfig

    def __init__(self, config: MagnitudeMaskConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__(config, speaker_encoder)
        self.causal, width, bins = config.causal, config.width, self.stft.num_bins
        self.level = None
        if config.causal:
            self.level = RunningLevel(MEMORY_S * config.sample_rate / config.hop_length, LEAST_POWER)
        self.input, self.dropout = nn.Linear(bins, width), nn.Dropout(config.dropout)
        count = config.num_recurrent
        new_block = CausalConvNeXtBlock if config.causal else ConvNeXtBlock
        self.blocks = nn.ModuleList(new_block(width, config.expansion) for _ in range(count + 1))
        self.recurrences = nn.ModuleList(
            Recurrence(width, config.recurrent_width, config.dropout, config.causal) for _ in range(count)
        )
        self.fusions = nn.ModuleList(
            Fusion(config.fusion, width, self.embedding_dim) for _ in range(count + 1)
        )
        self.output = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, bins))

    @property
    def hop_length(self) -> int:
        return self.stft.hop_length if self.causal else super().hop_length

    @property
    def delay(self) -> int:
        return self.stft.delay if self.causal else super().delay

    def levels(self, spectrum: Tensor, state: StreamState | None) -> Tensor:
        """What the network sees: log magnitudes of order 1, (B, T, F, 2) -> (B, T, F)."""
        power = spectrum.square().sum(dim=-1)
        if self.level is not None:
            # Parseval, and the Hann window's mean square of 3/8: the power of a frame's samples.
            samples = power.sum(dim=-1) * 2 / (0.375 * self.stft.n_fft**2)
            power = power / self.level(samples, state).square()[..., None]
        return 0.25 * (power + POWER_FLOOR).log()

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.stft.num_frames(lengths)
        spectrum = self.stft.analyze(mixture, state)  # (B, T, F, 2)
        padding = None if frames is None else padding_mask(frames, spectrum.size(1))
        past = {"state": state} if self.causal else {}
        values = self.dropout(self.input(self.levels(spectrum, state)))
        for index, block in enumerate(self.blocks):
            values = block(self.fusions[index](values, cue.values), padding, **past)
            if index < len(self.recurrences):
                values = self.recurrences[index](values, frames, **past)
        mask = self.output(values).float().sigmoid()
        if padding is not None:
            mask = mask.masked_fill(padding[..., None], 0.0)
        return Extraction(
            self.stft.synthesize(spectrum * mask[..., None], mixture.size(1), state), embedding=cue.values
        )
