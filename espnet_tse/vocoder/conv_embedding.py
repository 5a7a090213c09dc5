"""Convolutional refinement of coarse codec embeddings, for trainings of minutes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.layers.condition_sequence import mean_enrollment, mixture_at
from espnet_tse.layers.convnext import ConvNeXtStack
from espnet_tse.schema import Conditions, Frames
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder, check_conditions, check_synthesis


@dataclass(frozen=True)
class ConvEmbeddingConfig:
    """Sizes of ``ConvEmbeddingVocoder``; no paper's."""

    channels: int = 256
    num_blocks: int = 6
    # Which of E_r and E_m the refiner sees, as in Table II; with synthesis: filter the mixture still is
    # what is filtered.
    conditions: str = "all"
    synthesis: str = "decode"  # the codec's decoder; "filter": what it draws filters the mixture
    filter_power: float = 1.0  # of the filter's mask; above 1 it attenuates more than the embeddings say

    def __post_init__(self):
        check_synthesis(self.synthesis, self.filter_power)
        check_conditions(self.conditions)
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
        width, num_inputs = codec.spec.embedding_dim, 3 if config.conditions == "all" else 2
        self.conditions = config.conditions
        self.stack = ConvNeXtStack(num_inputs * width, config.channels, config.num_blocks, width)
        nn.init.zeros_(self.stack.output.weight)
        self.coarse_share = nn.Parameter(torch.full((width,), 0.5))
        if self.conditions != "enrollment":
            self.mixture_share = nn.Parameter(torch.full((width,), 0.5))

    @classmethod
    def from_config(cls, config: ConvEmbeddingConfig, codec: AbsCodec) -> "ConvEmbeddingVocoder":
        return cls(config, codec)

    def refine(self, conditions: Conditions, coarse: Frames, separator: Tensor | None) -> Frames:
        """As ``AbsCodecVocoder.refine``; without a sequence of both there is no use for the separator."""
        self.check_rate(coarse)
        inputs, start = [coarse.values], self.coarse_share * coarse.values
        if self.conditions != "enrollment":
            inputs.append(mixture_at(conditions, coarse.values.size(1), coarse.frame_rate))
            start = start + self.mixture_share * inputs[-1]
        if self.conditions != "mixture":
            inputs.append(mean_enrollment(conditions).expand_as(coarse.values))
        refined = self.stack(torch.cat(inputs, dim=-1), coarse.padding_mask) + start
        return Frames(
            refined.masked_fill(coarse.padding_mask[..., None], 0.0), coarse.lengths, coarse.frame_rate
        )
