"""SoloSpeech's uDiT: a diffusion transformer with long skips that looks at a second sequence (arXiv:2505.19314)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.checkpointing import recomputed
from espnet_tse.layers.diffusion_transformer import TimeEmbedding, modulated, zeroed
from espnet_tse.layers.gated_feedforward import GatedFeedforward
from espnet_tse.layers.normed_attention import KeysValues, NormedAttention
from espnet_tse.layers.positional import Rotation, rotation


@dataclass(frozen=True)
class SkipDiTConfig:
    """Sizes; the defaults are the paper's."""

    width: int = 768
    num_layers: int = 12  # and one in the middle
    num_heads: int = 12
    checkpoint_blocks: bool = False  # keep only the blocks' inputs for the backward pass
    # The released computation: the embedding of the time goes through one SiLU, not two, and modulated norms have the
    # eps of the others.
    as_released: bool = False

    def __post_init__(self):
        if min(self.width, self.num_layers, self.num_heads) < 1 or self.num_layers % 2:
            raise ValueError(f"sizes must be positive and num_layers even: {self}.")
        if self.width % self.num_heads or self.width // self.num_heads % 2:
            raise ValueError(f"width {self.width} wants heads of one even width, not {self.num_heads} heads.")

    @property
    def eps(self) -> float:
        """Of modulated norms."""
        return 1e-5 if self.as_released else 1e-6


class SkipDiTBlock(nn.Module):
    """Self-attention and feed-forward follow the time, attention on the context does not.

    h += tanh(1 - g) f(modulated(h)): gates begin at tanh(1), modulations and attention on the context at 0.
    """

    def __init__(self, config: SkipDiTConfig, joins: bool, sees_context: bool):
        super().__init__()
        width, num_heads = config.width, config.num_heads
        self.eps = config.eps
        self.join = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, width)) if joins else None
        self.modulation = nn.Linear(width, 6 * width)
        self.attention = NormedAttention(width, num_heads)
        self.context_attention = None
        if sees_context:
            self.norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(width)
            self.context_attention = NormedAttention(width, num_heads)
        self.feedforward = GatedFeedforward(width)

    def seen_of(self, context: Tensor) -> KeysValues:
        """Keys and values of a context (B, L, width), the same at all times."""
        return self.context_attention.keys_values(self.context_norm(context))

    def forward(
        self,
        hidden: Tensor,
        skip: Tensor | None,
        time: Tensor,
        seen: KeysValues | None,
        allowed: Tensor | None,
        context_allowed: Tensor | None,
        turned: Rotation,
    ) -> Tensor:
        """(B, T, width) -> (B, T, width); ``skip`` likewise, of an input block; ``time`` (B, width), activated."""
        if self.join is not None:
            hidden = self.join(torch.cat([hidden, skip], dim=-1))
        scale, gate, shift, scale_2, gate_2, shift_2 = self.modulation(time).chunk(6, dim=-1)
        own = modulated(hidden, shift, scale, self.eps)
        attended = self.attention(own, self.attention.keys_values(own, turned), allowed, turned)
        hidden = hidden + torch.tanh(1 - gate)[:, None] * attended
        if seen is not None:
            hidden = hidden + self.context_attention(self.norm(hidden), seen, context_allowed)
        fed = self.feedforward(modulated(hidden, shift_2, scale_2, self.eps))
        return hidden + torch.tanh(1 - gate_2)[:, None] * fed


class SkipDiT(nn.Module):
    """Blocks whose first half hands its outputs to the second, last first."""

    def __init__(self, config: SkipDiTConfig, input_dim: int, output_dim: int, context_dim: int | None):
        """
        Args:
            context_dim: width of the second sequence; None where there is none.
        """
        super().__init__()
        self.config, width = config, config.width
        self.input = nn.Linear(input_dim, width)
        self.time = TimeEmbedding(width)
        self.context = None
        if context_dim is not None:
            self.context = nn.Sequential(nn.Linear(context_dim, width), nn.SiLU(), nn.Linear(width, width))
        half = config.num_layers // 2
        self.blocks = nn.ModuleList(
            SkipDiTBlock(config, number > half, context_dim is not None)
            for number in range(config.num_layers + 1)
        )
        self.last_modulation, self.output = nn.Linear(width, 2 * width), nn.Linear(width, output_dim)
        self.apply(start)
        for block in self.blocks:
            zeroed(block.modulation)
            if block.context_attention is not None:
                zeroed(block.context_attention.out)
        zeroed(self.last_modulation)

    def prepare(self, context: Tensor | None) -> list[KeysValues | None]:
        """What each block sees of the context (B, L, context_dim); to be computed once for all steps."""
        if self.context is None:
            return [None] * len(self.blocks)
        embedded = self.context(context)
        return [block.seen_of(embedded) for block in self.blocks]

    def forward(
        self,
        values: Tensor,
        time: Tensor,
        seen: list[KeysValues | None],
        allowed: Tensor | None = None,
        context_allowed: Tensor | None = None,
        beside: Tensor | None = None,
    ) -> Tensor:
        """Frames of any number.

        Args:
            values: (B, T, input_dim).
            time: (B,) in [0, 1].
            seen: of ``prepare``.
            allowed: (B, T) bool, valid frames; None where all are.
            context_allowed: (B, L) bool, of the context.
            beside: (B, width), added to the embedding of the time.
        Returns:
            (B, T, output_dim); padding means nothing.
        """
        positions = torch.arange(values.size(1), device=values.device)[None]
        turned = rotation(positions, self.config.width // self.config.num_heads)
        embedded = F.silu(self.time(time))
        embedded = embedded if beside is None else embedded + beside
        embedded = embedded if self.config.as_released else F.silu(embedded)
        hidden, kept, half = self.input(values), [], self.config.num_layers // 2
        for number, (block, keys_values) in enumerate(zip(self.blocks, seen)):
            skip = kept.pop() if number > half else None
            arguments = (hidden, skip, embedded, keys_values, allowed, context_allowed, turned)
            hidden = recomputed(self.config.checkpoint_blocks, block, *arguments)
            if number < half:
                kept.append(hidden)
        shift, scale = self.last_modulation(embedded).chunk(2, dim=-1)
        return self.output(modulated(hidden, shift, scale, self.config.eps))


def start(module: nn.Module) -> None:
    """Linear layers begin with Xavier's uniform weights and no bias."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
