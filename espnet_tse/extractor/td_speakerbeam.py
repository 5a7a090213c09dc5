"""TD-SpeakerBeam: a Conv-TasNet whose features are adapted to the enrolled speaker (arXiv:2001.08378)."""

from dataclasses import dataclass
from functools import partial
from typing import Callable

from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.extractor.abs_speaker_encoder import SPEAKER_ENCODER, AbsSpeakerEncoder, encoder_of_frames
from espnet_tse.extractor.activation import OF_MASKS, activation, check_activation
from espnet_tse.extractor.filterbank import Analysis, Synthesis
from espnet_tse.extractor.fusion import Fusion, check_fusion
from espnet_tse.extractor.tcn import TCNBlock
from espnet_tse.io.scp import DataError
from espnet_tse.layers.sequence_norm import check_norm, sequence_norm, zero_padding
from espnet_tse.layers.stream_state import StreamState

ADAPTED = ("input", "outputs")  # of a block
FRAMES = ("hops", "whole")


@dataclass(frozen=True)
class TDSpeakerBeamConfig:
    """The sizes are those of the authors' release (github.com/BUTSpeechFIT/speakerbeam; 8 kHz there).

    Its adaptation is adapts: outputs with an embedding of 256 values, as conf/td_speakerbeam_paper.yaml has
    it; what else it computes otherwise stands in doc/discriminative.md. ESPnet's td_speakerbeam is adapts:
    outputs, frames: whole, shared_filters: true, input_norm: frame, norm_eps: 1.2e-7 and levelled: false.
    """

    sample_rate: int = 16000  # Hz
    num_filters: int = 512
    filter_size: int = 16  # samples
    hop_length: int = 8  # samples
    width: int = 128  # of the bottleneck
    hidden: int = 512
    skip: int = 128  # 0: the mask is made of what the last block gives
    kernel: int = 3
    num_blocks: int = 8  # a repeat, dilations 1, 2, 4 ...
    num_repeats: int = 3
    adapted_block: int = 7  # counted from 0
    fusion: str = "multiply"
    causal: bool = False
    # input: of the block, so that all blocks behind it see the adapted stream; outputs: only what the block itself
    # adds to the stream and to the skips, so that the stream also carries what is not adapted.
    adapts: str = "input"
    # hops: zeros around the signal, all samples are heard and made, and it can stream; whole: only frames that lie in
    # the signal, the samples behind the last one (less than a hop) are silent.
    frames: str = "hops"
    shared_filters: bool = False  # the enrollment goes through the mixture's filters: fewer weights
    norm: str | None = None  # sequence, frame; none: sequence, or frame where causal
    input_norm: str | None = None  # of what the filters give; none: as norm
    norm_eps: float = 1.0e-5
    score_activation: str = "prelu"  # in front of the layer that makes the mask
    mask_activation: str = "relu"
    levelled: bool = True  # false: signals keep their level, and the estimate depends on it

    def __post_init__(self):
        sizes = (
            self.sample_rate,
            self.num_filters,
            self.hop_length,
            self.width,
            self.hidden,
            self.kernel,
        )
        if min(*sizes, self.num_blocks, self.num_repeats) < 1 or self.skip < 0:
            raise ValueError(f"sizes of TD-SpeakerBeam must be positive: {self}.")
        if self.filter_size < self.hop_length:
            raise ValueError(f"filter_size {self.filter_size} is below hop_length {self.hop_length}.")
        if not 0 <= self.adapted_block < self.num_blocks * self.num_repeats:
            raise ValueError(f"adapted_block {self.adapted_block} is none of the blocks there are.")
        check_fusion(self.fusion)
        if self.adapts not in ADAPTED:
            raise ValueError(f"adapts '{self.adapts}' is none of {list(ADAPTED)}.")
        if self.frames not in FRAMES:
            raise ValueError(f"frames '{self.frames}' is none of {list(FRAMES)}.")
        if self.last_block == self.adapted_block and self.adapts == "outputs" and self.skip:
            raise ValueError(
                f"adapted_block {self.adapted_block} is the last one, of which only the skip is used; with adapts: outputs "
                "take one before it."
            )
        check_norm("norm", self.norm, self.causal)
        check_norm("input_norm", self.input_norm, self.causal)
        check_activation("score_activation", self.score_activation)
        check_activation("mask_activation", self.mask_activation, OF_MASKS)
        if self.norm_eps <= 0:
            raise ValueError(f"norm_eps is {self.norm_eps}, want a small positive number.")

    @property
    def last_block(self) -> int:
        return self.num_blocks * self.num_repeats - 1


class TDSpeakerBeam(AbsExtractor):
    """Learned filters, TCN, speaker adaptation at one block, ReLU mask, learned synthesis."""

    Config = TDSpeakerBeamConfig
    slots = {"new_speaker_encoder": SPEAKER_ENCODER}

    def __init__(self, config: TDSpeakerBeamConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__()
        self.sample_rate, self.causal, self.config = config.sample_rate, config.causal, config
        self.levelled = config.levelled
        filters, whole = config.num_filters, config.frames == "whole"
        sizes = (filters, config.filter_size, config.hop_length)
        self.analysis = Analysis(*sizes, whole=whole)
        self.enrollment_analysis = None if config.shared_filters else Analysis(*sizes, whole=whole)
        self.speaker_encoder = speaker_encoder
        self.norm = sequence_norm(filters, config.causal, config.input_norm or config.norm, config.norm_eps)
        self.bottleneck = nn.Linear(filters, config.width)
        self.blocks = nn.ModuleList(self.block(index) for index in range(config.last_block + 1))
        self.fusion = Fusion(config.fusion, config.width, speaker_encoder.output_dim)
        if config.adapts == "outputs" and config.skip:
            self.skip_fusion = Fusion(config.fusion, config.skip, speaker_encoder.output_dim)
        self.mask = nn.Sequential(
            activation(config.score_activation),
            nn.Linear(config.skip or config.width, filters),
            activation(config.mask_activation),
        )
        self.synthesis = Synthesis(*sizes, whole=whole)

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
            last=conf.skip > 0 and index == conf.last_block,
            new_norm=partial(sequence_norm, causal=conf.causal, name=conf.norm, eps=conf.norm_eps),
        )

    @property
    def hop_length(self) -> int:
        if self.config.frames == "whole":
            raise DataError(
                "TD-SpeakerBeam with extractor_conf: {frames: whole} cannot stream; train with frames: hops."
            )
        return self.config.hop_length

    @property
    def delay(self) -> int:
        return self.synthesis.delay

    @property
    def embedding_dim(self) -> int:
        return self.speaker_encoder.output_dim

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        analysis = self.enrollment_analysis or self.analysis
        frames = None
        if lengths is not None and int(lengths.min()) < waveform.size(1):
            frames = analysis.framing.num_frames(lengths)
        return Cue(self.speaker_encoder(analysis(waveform), frames))

    def separate(
        self, mixture: Tensor, lengths: Tensor | None, cue: Cue, state: StreamState | None = None
    ) -> Extraction:
        frames = None if lengths is None else self.analysis.framing.num_frames(lengths)
        encoded = self.analysis(mixture, state)
        values, total = self.bottleneck(self.norm(encoded, frames)), 0
        for index, block in enumerate(self.blocks):
            adapted = index == self.config.adapted_block
            if adapted and self.config.adapts == "outputs":
                values, skip = self.adapt_outputs(values, block.changes(values, frames, state), cue)
            else:
                values, skip = block(self.fusion(values, cue.values) if adapted else values, frames, state)
            total = total + skip if self.config.skip else values
        # Of whole frames the next one behind a row's end reaches into it, which alone it does not have.
        masked = zero_padding(encoded * self.mask(total), frames)
        waveform = self.synthesis(masked, mixture.size(1), state)
        return Extraction(waveform, embedding=cue.values)

    def adapt_outputs(
        self, values: Tensor, outputs: tuple[Tensor, Tensor | None], cue: Cue
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, C) and a block's change and skip -> the stream behind it, and the skip, both adapted."""
        change, skip = outputs
        values = values + self.fusion(change, cue.values)
        return values, None if skip is None else self.skip_fusion(skip, cue.values)
