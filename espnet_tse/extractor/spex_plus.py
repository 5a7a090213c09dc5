"""SpEx+: filters of three lengths, shared by both signals, and a speaker loss (arXiv:2005.04686)."""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder, encoder_of_frames
from espnet_tse.extractor.filterbank import Analysis, Synthesis
from espnet_tse.extractor.tcn import TCNBlock
from espnet_tse.layers.sequence_norm import FrameNorm
from espnet_tse.layers.stream_state import StreamState


@dataclass(frozen=True)
class SpExPlusConfig:
    """The defaults are the paper's sizes: 11.1 M parameters with its 101 training speakers (8 kHz there)."""

    sample_rate: int = 16000  # Hz
    num_filters: int = 256  # of each length
    filter_sizes: tuple[int, ...] = (20, 80, 160)  # samples, the shortest first
    hop_length: int = 10  # samples
    width: int = 256
    hidden: int = 512
    kernel: int = 3
    num_blocks: int = 8  # a stack, dilations 1, 2, 4 ...; its first block is given the speaker
    num_stacks: int = 4
    causal: bool = False

    def __post_init__(self):
        object.__setattr__(self, "filter_sizes", tuple(self.filter_sizes))
        sizes = (self.sample_rate, self.num_filters, self.hop_length, self.width, self.hidden, self.kernel)
        if min(*sizes, self.num_blocks, self.num_stacks) < 1:
            raise ValueError(f"sizes of SpEx+ must be positive: {self}.")
        if not self.filter_sizes or list(self.filter_sizes) != sorted(self.filter_sizes):
            raise ValueError(f"filter_sizes {self.filter_sizes} want the shortest first.")
        if self.filter_sizes[0] < self.hop_length:
            raise ValueError(
                f"filter_sizes {self.filter_sizes} want none below hop_length {self.hop_length}."
            )


class SpExPlus(AbsExtractor):
    """Multi-scale filters, stacks of TCN blocks that begin with the speaker, a mask and an estimate a scale.

    The estimate is that of the shortest filters; the others count in the loss. Long filters look back from
    the end of the short ones (in the paper ahead from their beginning), so that a causal variant is causal.
    """

    Config = SpExPlusConfig
    slots = {"new_speaker_encoder": SPEAKER_ENCODER}

    def __init__(self, config: SpExPlusConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__()
        self.sample_rate, self.causal, self.config = config.sample_rate, config.causal, config
        filters, hop = config.num_filters, config.hop_length
        self.analyses = nn.ModuleList(Analysis(filters, size, hop, bias=True) for size in config.filter_sizes)
        inputs = filters * len(config.filter_sizes)
        self.norm, self.bottleneck = FrameNorm(inputs), nn.Linear(inputs, config.width)
        self.speaker_encoder = speaker_encoder
        self.stacks = nn.ModuleList(nn.ModuleList(self.stack()) for _ in range(config.num_stacks))
        self.masks = nn.ModuleList(nn.Linear(config.width, filters) for _ in config.filter_sizes)
        self.syntheses = nn.ModuleList(
            Synthesis(filters, size, hop, bias=True) for size in config.filter_sizes
        )

    @classmethod
    def from_config(
        cls, config: SpExPlusConfig, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]
    ) -> "SpExPlus":
        return cls(
            config,
            encoder_of_frames(new_speaker_encoder(input_dim=config.num_filters * len(config.filter_sizes))),
        )

    def stack(self) -> list[TCNBlock]:
        conf, speaker = self.config, self.speaker_encoder.output_dim
        return [
            TCNBlock(
                conf.width,
                conf.hidden,
                conf.kernel,
                2**block,
                conf.causal,
                extra_inputs=0 if block else speaker,
            )
            for block in range(conf.num_blocks)
        ]

    @property
    def hop_length(self) -> int:
        return self.config.hop_length

    @property
    def delay(self) -> int:
        return self.syntheses[0].delay

    @property
    def embedding_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def analyze(self, waveform: Tensor, state: StreamState | None = None) -> list[Tensor]:
        """(B, N) -> (B, T, C) of each scale, as many frames as the longest filters have."""
        longest = self.config.filter_sizes[-1]
        if state is not None:
            return [analysis(waveform, state) for analysis in self.analyses]
        return [
            analysis(F.pad(waveform, (0, longest - size)))
            for analysis, size in zip(self.analyses, self.config.filter_sizes)
        ]

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        frames = None
        if lengths is not None and int(lengths.min()) < waveform.size(1):
            frames = self.analyses[-1].framing.num_frames(lengths)
        return Cue(self.speaker_encoder(torch.cat(self.analyze(waveform), dim=-1), frames))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.analyses[-1].framing.num_frames(lengths)
        scales = self.analyze(mixture, state)
        values = self.bottleneck(self.norm(torch.cat(scales, dim=-1)))
        for first, *others in self.stacks:
            values, _ = first(values, frames, state, extra=cue.values)
            for block in others:
                values, _ = block(values, frames, state)
        # In a stream and in extraction the shortest filters are all that is wanted.
        wanted = len(scales) if self.training else 1
        estimates = [
            synthesis(scale * F.relu(mask(values)), mixture.size(1), state)
            for scale, mask, synthesis in zip(scales[:wanted], self.masks, self.syntheses)
        ]
        return Extraction(estimates[0], estimates[1:], cue.values)
