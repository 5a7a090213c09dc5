"""Band-split RNN to which each of its frames is told the voice as the enrollment's most alike frames have it."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import Cue
from espnet_tse.extractor.abs_speaker_encoder import AbsSpeakerEncoder
from espnet_tse.extractor.band_split_network import BandSplitNetwork
from espnet_tse.extractor.bsrnn import BSRNNConfig
from espnet_tse.extractor.embedding_extractor import EmbeddingExtractor
from espnet_tse.extractor.fusion import Fusion
from espnet_tse.schema.padding import valid_mask


@dataclass(frozen=True)
class BSRNNContextConfig(BSRNNConfig):
    """The defaults are those of ``bsrnn``; the attention's size is ours."""

    attention_dim: int = 128

    def __post_init__(self):
        super().__post_init__()
        if self.attention_dim < 1:
            raise ValueError(f"sizes of BSRNN must be positive: {self}.")
        if self.fuse_every_layer:
            raise ValueError(
                "bsrnn_context tells the voice in front of the first layer; leave fuse_every_layer out."
            )


class BSRNNContext(BandSplitNetwork, EmbeddingExtractor):
    """Frame t is fused with the embedding plus what attention finds for it among the speaker encoder's frames.

    Source: the contextual embeddings of WeSep's systems (arXiv:2410.16059), from their public description; queries of all
    bands of a frame, one head, and the sum with the embedding are ours.
    """

    Config = BSRNNContextConfig

    def __init__(self, config: BSRNNContextConfig, speaker_encoder: AbsSpeakerEncoder):
        super().__init__(config, speaker_encoder)
        if speaker_encoder.frame_dim is None:
            raise ValueError(
                f"bsrnn_context wants the frames of its speaker encoder, and {type(speaker_encoder).__name__} has none; "
                "set speaker_encoder: resnet34."
            )
        self.add_network(config)
        self.frame_out = nn.Sequential(
            nn.LayerNorm(speaker_encoder.frame_dim),
            nn.Linear(speaker_encoder.frame_dim, speaker_encoder.output_dim),
        )
        self.query = nn.Linear(len(self.split.widths) * config.width, config.attention_dim)
        self.key = nn.Linear(speaker_encoder.output_dim, config.attention_dim)
        self.fusion = Fusion(config.fusion, config.width, speaker_encoder.output_dim)

    @property
    def embedding_dim(self) -> None:
        """None: a voice is a sequence here."""
        return None

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        """(B, N_e) -> an embedding for each of the encoder's frames (B, T', E)."""
        embedding, frames, counts = self.speaker_encoder.with_frames(*self.enrollment_mel(waveform, lengths))
        return Cue(embedding[:, None] + self.frame_out(frames), counts)

    def told(self, values: Tensor, cue: Cue, layer: int) -> Tensor:
        if layer > 0:
            return values
        bands, batch, frames, width = values.shape
        by_frame = values.permute(1, 2, 0, 3)  # (B, T, K, D)
        mask = None if cue.lengths is None else valid_mask(cue.lengths, cue.values.size(1))[:, None]
        voices = F.scaled_dot_product_attention(
            self.query(by_frame.flatten(2)), self.key(cue.values), cue.values, attn_mask=mask
        )
        fused = self.fusion(by_frame.flatten(0, 1), voices.flatten(0, 1))
        return fused.view(batch, frames, bands, width).permute(2, 0, 1, 3)
