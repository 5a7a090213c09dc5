"""The pre-norm transformer stack that encoder, language model and refiner are made of."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from espnet_tse.layers.attention import RelativeSelfAttention, RotarySelfAttention
from espnet_tse.layers.kv_cache import KVCache
from espnet_tse.layers.positional import Rotation, rotation

ACTIVATIONS = {"relu": nn.ReLU, "swish": nn.SiLU}
POSITIONS = ("relative", "rotary")


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a stack; the defaults are LauraTSE's (arXiv:2601.06006, Sec. IV-B.1)."""

    num_layers: int = 6
    width: int = 512
    num_heads: int = 8
    feedforward: int = 2048
    activation: str = "swish"
    dropout: float = 0.1
    attention_dropout: float = 0.0
    position: str = "relative"  # "rotary": positions are given, and may be times
    input_activation: bool = False  # a ReLU behind the input layer
    norm_eps: float = 1.0e-5  # of the norms in and behind the blocks; 1e-12 in FunCodec's layers

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation '{self.activation}' is none of {sorted(ACTIVATIONS)}.")
        if self.position not in POSITIONS:
            raise ValueError(f"position '{self.position}' is none of {list(POSITIONS)}.")
        if min(self.num_layers, self.width, self.num_heads, self.feedforward) < 1:
            raise ValueError(f"sizes of a transformer stack must be positive: {self}.")
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} is not divisible by num_heads {self.num_heads}.")
        if self.position == "rotary" and self.width // self.num_heads % 2:
            raise ValueError(
                f"position rotary wants heads of one even width; width {self.width} and num_heads "
                f"{self.num_heads} make them {self.width // self.num_heads} wide."
            )
        if self.width % 2:
            raise ValueError(f"width {self.width} is odd; the sinusoids of positions want an even one.")
        if self.norm_eps <= 0:
            raise ValueError(f"norm_eps is {self.norm_eps}, want a small positive number.")


class TransformerBlock(nn.Module):
    """x += Drop(Attention(LN(x))); x += Drop(FFN(LN(x)))."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        if config.position == "relative":
            self.attention = RelativeSelfAttention(
                config.width, config.num_heads, config.attention_dropout, position_dropout=config.dropout
            )
        else:
            self.attention = RotarySelfAttention(config.width, config.num_heads, config.attention_dropout)
        self.feedforward_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.feedforward = nn.Sequential(
            nn.Linear(config.width, config.feedforward),
            ACTIVATIONS[config.activation](),
            nn.Dropout(config.dropout),
            nn.Linear(config.feedforward, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden: Tensor, allowed: Tensor, rotation: Rotation | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        attended = self.attention(self.attention_norm(hidden), allowed, rotation, cache, layer)
        hidden = hidden + self.dropout(attended)
        return hidden + self.dropout(self.feedforward(self.feedforward_norm(hidden)))


class BlockStack(nn.Module):
    """What stacks of attention blocks share; they have ``config``, ``blocks`` and a final ``norm``."""

    checkpoint_activations = False  # keep only the blocks' inputs for the backward pass; set by the trainer

    def through_blocks(
        self, hidden: Tensor, allowed: Tensor, positions: Tensor | None, cache: KVCache | None
    ) -> Tensor:
        """(B, L, width) through blocks and norm; a cache is advanced by L positions.

        Args:
            positions: (B, L) that queries and keys are turned by, if any.
        """
        turned = None
        if positions is not None:
            turned = rotation(positions, self.config.width // self.config.num_heads)
        for layer, block in enumerate(self.blocks):
            if self.checkpoint_activations and torch.is_grad_enabled():
                hidden = checkpoint(block, hidden, allowed, turned, cache, layer, use_reentrant=False)
            else:
                hidden = block(hidden, allowed, turned, cache, layer)
        if cache is not None:
            cache.advance(hidden.size(1))
        return self.norm(hidden)

    def new_cache(self, batch: int, capacity: int, like: Tensor) -> KVCache:
        """An empty cache of ``capacity`` positions in the type and on the device of ``like``."""
        head_dim = self.config.width // self.config.num_heads
        return KVCache(len(self.blocks), batch, self.config.num_heads, capacity, head_dim, like)


class TransformerStack(BlockStack):
    """Linear input layer, blocks, final LayerNorm; full passes and cached steps share every line."""

    def __init__(self, input_dim: int, config: TransformerConfig):
        super().__init__()
        self.config = config
        layers = [nn.Linear(input_dim, config.width), nn.LayerNorm(config.width), nn.Dropout(config.dropout)]
        self.input = nn.Sequential(*layers, *([nn.ReLU()] if config.input_activation else []))
        self.input_dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(
        self, values: Tensor, allowed: Tensor, positions: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """Hidden states of the given positions.

        Args:
            values: (B, L, D_in); with a cache, the positions that follow those it holds.
            allowed: (B | 1, L, L_k) bool, True where a query may look at a key; L_k counts held and
                new positions. Every query must be allowed one key at least.
            positions: (B, L) real numbers, needed by rotary stacks only.
            cache: filled and advanced where given.
        Returns:
            (B, L, width).
        """
        hidden = self.input_dropout(self.input(values) * math.sqrt(self.config.width))
        positions = positions if self.config.position == "rotary" else None
        return self.through_blocks(hidden, allowed, positions, cache)


def bidirectional_mask(padding: Tensor) -> Tensor:
    """Everybody looks at every valid position, and a padded query at itself too.

    Args:
        padding: (B, L) bool, True at padding.
    Returns:
        (B, L, L) bool, True where allowed.
    """
    length = padding.size(1)
    own = torch.eye(length, dtype=torch.bool, device=padding.device)
    return ~padding[:, None, :] | (padding[:, :, None] & own)


def prefix_mask(padding: Tensor, prefix_length: int) -> Tensor:
    """Positions before ``prefix_length`` see each other; later ones see all before and themselves.

    The prefix never sees what follows it, which is what makes a key-value cache exact.

    Args:
        padding: (B, L) bool, True at padding.
        prefix_length: P, positions of the bidirectional part.
    Returns:
        (B, L, L) bool, True where allowed.
    """
    index = torch.arange(padding.size(1), device=padding.device)
    causal = index[None, :] <= index[:, None]
    both_in_prefix = (index[None, :] < prefix_length) & (index[:, None] < prefix_length)
    own = torch.eye(padding.size(1), dtype=torch.bool, device=padding.device)
    return ((causal | both_in_prefix) & ~padding[:, None, :]) | (padding[:, :, None] & own)
