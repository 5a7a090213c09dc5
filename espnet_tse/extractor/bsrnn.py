"""Band-split RNN for target speaker extraction, as WeSep has it (arXiv:2209.15174, arXiv:2409.15799)."""

from dataclasses import dataclass

from torch import Tensor, nn

from espnet_tse.extractor.abs_extractor import Cue
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.extractor.band_split_network import BandSplitConfig, BandSplitNetwork
from espnet_tse.extractor.embedding_extractor import EmbeddingExtractor
from espnet_tse.extractor.fusion import Fusion, check_fusion


@dataclass(frozen=True)
class BSRNNConfig(BandSplitConfig):
    """The defaults are WeSep's."""

    num_mels: int = 80  # of the enrollment
    fusion: str = "multiply"
    fuse_every_layer: bool = False  # false: the speaker enters in front of the first layer only

    def __post_init__(self):
        super().__post_init__()
        if self.num_mels < 1:
            raise ValueError(f"sizes of BSRNN must be positive: {self}.")
        check_fusion(self.fusion)


class BSRNN(BandSplitNetwork, EmbeddingExtractor):
    """The speaker's embedding enters the band vectors by a fusion layer."""

    Config = BSRNNConfig

    def __init__(self, config: BSRNNConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__(config, speaker_encoder)
        self.add_network(config)
        fusions = config.num_layers if config.fuse_every_layer else 1
        self.fusions = nn.ModuleList(
            Fusion(config.fusion, config.width, speaker_encoder.output_dim) for _ in range(fusions)
        )

    def told(self, values: Tensor, cue: Cue, layer: int) -> Tensor:
        if layer >= len(self.fusions):
            return values
        return self.fusions[layer](values.transpose(0, 1), cue.values).transpose(0, 1)
