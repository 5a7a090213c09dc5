"""One-pass refinement of coarse codec embeddings, then the frozen codec decoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.layers.condition_sequence import join_conditions, mean_enrollment, mixture_at
from espnet_tse.layers.positional import sinusoid
from espnet_tse.layers.transformer import TransformerConfig, TransformerStack, bidirectional_mask
from espnet_tse.schema import Conditions, Frames
from espnet_tse.vocoder.abs_vocoder import AbsCodecVocoder, check_conditions, check_synthesis

ABSOLUTE_POSITIONS = ("separate", "joint", "none")


@dataclass(frozen=True)
class FineEmbeddingConfig(TransformerConfig):
    """LauraTSE's encoder-only language model (arXiv:2601.06006, Sec. IV-B.1)."""

    # Which of E_r and E_m the refiner sees: Encoder-All, -Mix and -Ref of Table II. A single one has no
    # separator. With synthesis: filter the mixture still is what is filtered.
    conditions: str = "all"
    # Added to the inputs of a relative stack: counted from zero for [E_r, sep, E_m] and D_n each, as
    # released ("separate"), over both ("joint"), or left to the stack's relative positions ("none").
    absolute_positions: str = "separate"
    # Both not in the paper, for trainings of minutes. In the space of a codec of log magnitudes the
    # difference of target and mixture is a mask, so the residual starts from the mixture.
    add_mixture: bool = False  # adds E_m at the same time to every coarse frame
    add_enrollment: bool = False  # adds the mean of E_r, through a linear layer, to every coarse frame
    residual: bool = False  # adds learned shares of D_n and E_m to the output, half of each at first
    synthesis: str = "decode"  # the codec's decoder; "filter": what it draws filters the mixture
    filter_power: float = 1.0  # of the filter's mask; above 1 it attenuates more than the embeddings say

    def __post_init__(self):
        super().__post_init__()
        check_synthesis(self.synthesis, self.filter_power)
        check_conditions(self.conditions)
        if self.absolute_positions not in ABSOLUTE_POSITIONS:
            raise ValueError(
                f"absolute_positions '{self.absolute_positions}' is none of {list(ABSOLUTE_POSITIONS)}."
            )
        hidden = {"enrollment": (self.add_mixture or self.residual), "mixture": self.add_enrollment}
        if hidden.get(self.conditions):
            raise ValueError(
                f"conditions: {self.conditions} hides the other signal, but add_mixture, residual or "
                "add_enrollment gives it to the refiner; switch these off."
            )


class FineEmbeddingVocoder(AbsCodecVocoder):
    """Regress the sum of all K codebook embeddings from the first n (arXiv:2601.06006, Eq. (4)).

    The published text joins [E_r, E_m, D_n]; the released code puts the separator between E_r and E_m,
    and gives [E_r, sep, E_m] and D_n absolute positions of their own, both from zero. A rotary stack
    needs no absolute positions: there a frame's position is its time.
    """

    Config = FineEmbeddingConfig

    def __init__(self, stack: TransformerStack, codec: AbsCodec):
        super().__init__(codec, stack.config.synthesis, stack.config.filter_power)
        self.stack = stack
        self.project = nn.Linear(stack.config.width, codec.spec.embedding_dim)
        self.position_dropout = nn.Dropout(stack.config.dropout)
        if stack.config.add_enrollment:
            self.enrollment_to_frames = nn.Linear(codec.spec.embedding_dim, codec.spec.embedding_dim)
        if stack.config.residual:
            nn.init.zeros_(self.project.weight)
            self.coarse_share = nn.Parameter(torch.full((codec.spec.embedding_dim,), 0.5))
            self.mixture_share = nn.Parameter(torch.full((codec.spec.embedding_dim,), 0.5))

    @classmethod
    def from_config(cls, config: FineEmbeddingConfig, codec: AbsCodec) -> "FineEmbeddingVocoder":
        return cls(TransformerStack(codec.spec.embedding_dim, config), codec)

    def refine(self, conditions: Conditions, coarse: Frames, separator: Tensor | None) -> Frames:
        """As ``AbsCodecVocoder.refine``: [., ., E_s] = EL([E_r, E_m, D_n])."""
        self.check_rate(coarse)
        prefix = join_conditions(conditions, separator, coarse.frame_rate, which=self.stack.config.conditions)
        frames, mixture = coarse.values, mixture_at(conditions, coarse.values.size(1), coarse.frame_rate)
        if self.stack.config.add_mixture:
            frames = frames + mixture
        if self.stack.config.add_enrollment:
            frames = frames + self.enrollment_to_frames(mean_enrollment(conditions))
        padding = torch.cat([prefix.padding, coarse.padding_mask], dim=1)
        index = torch.arange(coarse.values.size(1), device=coarse.values.device)
        index = index.expand(len(coarse.lengths), -1)
        if self.stack.config.position == "rotary":
            values = torch.cat([prefix.values, frames], dim=1)
            positions = torch.cat([prefix.positions, index], dim=1)
        else:
            prefix_index = (~prefix.padding).cumsum(dim=1) - 1
            if self.stack.config.absolute_positions == "joint":
                index = index + prefix_index[:, -1:] + 1
            spans = (prefix.values, prefix_index), (frames, index)
            values = torch.cat([self.add_positions(*span) for span in spans], dim=1)
            positions = None
        hidden = self.stack(values, bidirectional_mask(padding), positions)
        refined = self.project(hidden[:, prefix.values.size(1) :])
        if self.stack.config.residual:
            refined = refined + self.coarse_share * coarse.values + self.mixture_share * mixture
        return Frames(
            refined.masked_fill(coarse.padding_mask[..., None], 0.0), coarse.lengths, coarse.frame_rate
        )

    def add_positions(self, values: Tensor, index: Tensor) -> Tensor:
        """x sqrt(D) + sinusoid(index), dropped out: (B, L, D); x itself where no positions are wanted."""
        width = values.size(2)
        if self.stack.config.absolute_positions == "none":
            return values
        return self.position_dropout(values * width**0.5 + sinusoid(index, width).to(values))
