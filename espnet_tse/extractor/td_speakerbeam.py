"""TD-SpeakerBeam: a Conv-TasNet whose features are adapted to the enrolled speaker (arXiv:2001.08378)."""

from dataclasses import dataclass
from typing import Callable

from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder, encoder_of_frames
from espnet_tse.extractor.filterbank import Analysis, Synthesis
from espnet_tse.extractor.fusion import Fusion, check_fusion
from espnet_tse.extractor.tcn import TCNBlock
from espnet_tse.layers.sequence_norm import sequence_norm
from espnet_tse.layers.stream_state import StreamState


@dataclass(frozen=True)
class TDSpeakerBeamConfig:
    """The defaults are those of the authors' released configuration (8 kHz there)."""

    sample_rate: int = 16000  # Hz
    num_filters: int = 512
    filter_size: int = 16  # samples
    hop_length: int = 8  # samples
    width: int = 128  # of the bottleneck
    hidden: int = 512
    skip: int = 128
    kernel: int = 3
    num_blocks: int = 8  # a repeat, dilations 1, 2, 4 ...
    num_repeats: int = 3
    adapted_block: int = 7  # the speaker enters in front of this block
    fusion: str = "multiply"
    causal: bool = False

    def __post_init__(self):
        sizes = (
            self.sample_rate,
            self.num_filters,
            self.hop_length,
            self.width,
            self.hidden,
            self.skip,
            self.kernel,
        )
        if min(*sizes, self.num_blocks, self.num_repeats) < 1:
            raise ValueError(f"sizes of TD-SpeakerBeam must be positive: {self}.")
        if self.filter_size < self.hop_length:
            raise ValueError(f"filter_size {self.filter_size} is below hop_length {self.hop_length}.")
        if not 0 <= self.adapted_block < self.num_blocks * self.num_repeats:
            raise ValueError(f"adapted_block {self.adapted_block} is none of the blocks there are.")
        check_fusion(self.fusion)


class TDSpeakerBeam(AbsExtractor):
    """Learned filters, TCN, speaker adaptation in front of one block, ReLU mask, learned synthesis."""

    Config = TDSpeakerBeamConfig
    slots = {"new_speaker_encoder": SPEAKER_ENCODER}

    def __init__(self, config: TDSpeakerBeamConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__()
        self.sample_rate, self.causal, self.config = config.sample_rate, config.causal, config
        filters, size, hop = config.num_filters, config.filter_size, config.hop_length
        self.analysis, self.enrollment_analysis = Analysis(filters, size, hop), Analysis(filters, size, hop)
        self.speaker_encoder = speaker_encoder
        self.norm = sequence_norm(filters, config.causal)
        self.bottleneck = nn.Linear(filters, config.width)
        self.blocks = nn.ModuleList(
            self.block(index) for index in range(config.num_blocks * config.num_repeats)
        )
        self.fusion = Fusion(config.fusion, config.width, speaker_encoder.output_dim)
        self.mask = nn.Sequential(nn.PReLU(), nn.Linear(config.skip, filters), nn.ReLU())
        self.synthesis = Synthesis(filters, size, hop)

    @classmethod
    def from_config(
        cls, config: TDSpeakerBeamConfig, new_speaker_encoder: Callable[..., AbsSpeakerEncoder]
    ) -> "TDSpeakerBeam":
        return cls(config, encoder_of_frames(new_speaker_encoder(input_dim=config.num_filters)))

    def block(self, index: int) -> TCNBlock:
        conf = self.config
        return TCNBlock(
            conf.width,
            conf.hidden,
            conf.kernel,
            2 ** (index % conf.num_blocks),
            conf.causal,
            conf.skip,
            last=index == conf.num_blocks * conf.num_repeats - 1,
        )

    @property
    def hop_length(self) -> int:
        return self.config.hop_length

    @property
    def delay(self) -> int:
        return self.synthesis.delay

    @property
    def embedding_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        frames = None
        if lengths is not None and int(lengths.min()) < waveform.size(1):
            frames = self.enrollment_analysis.framing.num_frames(lengths)
        return Cue(self.speaker_encoder(self.enrollment_analysis(waveform), frames))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.analysis.framing.num_frames(lengths)
        encoded = self.analysis(mixture, state)
        values, total = self.bottleneck(self.norm(encoded, frames)), 0
        for index, block in enumerate(self.blocks):
            if index == self.config.adapted_block:
                values = self.fusion(values, cue.values)
            values, skip = block(values, frames, state)
            total = total + skip
        waveform = self.synthesis(encoded * self.mask(total), mixture.size(1), state)
        return Extraction(waveform, embedding=cue.values)
