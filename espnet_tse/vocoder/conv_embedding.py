"""Convolutional refinement of coarse codec embeddings, for trainings of minutes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.layers.condition_sequence import mean_enrollment, mixture_at
from espnet_tse.layers.convnext import ConvNeXtStack
from espnet_tse.schema import Conditions, Frames
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder, check_synthesis


@dataclass(frozen=True)
class ConvEmbeddingConfig:
    """Sizes of ``ConvEmbeddingVocoder``; no paper's."""

    channels: int = 256
    num_blocks: int = 6
    synthesis: str = "decode"  # the codec's decoder; "filter": what it draws filters the mixture
    filter_power: float = 1.0  # of the filter's mask; above 1 it attenuates more than the embeddings say

    def __post_init__(self):
        check_synthesis(self.synthesis, self.filter_power)
        if min(self.channels, self.num_blocks) < 1:
            raise ValueError(f"sizes of the convolutional refiner must be positive: {self}.")


class ConvEmbeddingVocoder(AbsCodecVocoder):
    """Regress the sum of all K codebook embeddings from D_n, E_m of the same time and the mean of E_r.

    The same task as ``FineEmbeddingVocoder`` (arXiv:2601.06006, Eq. (4)) with what a short training needs
    built in: frames that sound together are given together, neighbours matter, and the output begins at
    half the coarse embeddings and half the mixture.
    """

    Config = ConvEmbeddingConfig

    def __init__(self, config: ConvEmbeddingConfig, codec: AbsCodec):
        super().__init__(codec, config.synthesis, config.filter_power)
        width = codec.spec.embedding_dim
        self.stack = ConvNeXtStack(3 * width, config.channels, config.num_blocks, width)
        nn.init.zeros_(self.stack.output.weight)
        self.coarse_share = nn.Parameter(torch.full((width,), 0.5))
        self.mixture_share = nn.Parameter(torch.full((width,), 0.5))

    @classmethod
    def from_config(cls, config: ConvEmbeddingConfig, codec: AbsCodec) -> "ConvEmbeddingVocoder":
        return cls(config, codec)

    def refine(self, conditions: Conditions, coarse: Frames, separator: Tensor) -> Frames:
        """As ``AbsCodecVocoder.refine``; without a sequence of both there is no use for the separator."""
        self.check_rate(coarse)
        mixture = mixture_at(conditions, coarse.values.size(1), coarse.frame_rate)
        enrollment = mean_enrollment(conditions).expand_as(mixture)
        inputs = torch.cat([coarse.values, mixture, enrollment], dim=-1)
        refined = self.stack(inputs, coarse.padding_mask)
        refined = refined + self.coarse_share * coarse.values + self.mixture_share * mixture
        return Frames(refined.masked_fill(coarse.padding_mask[..., None], 0.0), coarse.lengths, coarse.frame_rate)
