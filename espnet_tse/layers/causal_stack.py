"""The decoder-only transformer of large language models: GPT-2's blocks or LLaMA's."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.attention import RotarySelfAttention
from espnet_tse.layers.kv_cache import KVCache
from espnet_tse.layers.positional import Rotation
from espnet_tse.layers.transformer import BlockStack

STYLES = ("gpt2", "llama")


@dataclass(frozen=True)
class CausalStackConfig:
    """Sizes of a stack; the defaults are those of both stages of GenTSE (arXiv:2512.20978)."""

    # gpt2: LayerNorm, GELU, biases, learned positions. llama: RMSNorm, SwiGLU, no biases, rotary positions.
    style: str = "gpt2"
    num_layers: int = 12
    width: int = 1024
    num_heads: int = 8
    feedforward: int = 4096
    dropout: float = 0.1  # of embeddings and residual branches
    attention_dropout: float = 0.1

    def __post_init__(self):
        if self.style not in STYLES:
            raise ValueError(f"style '{self.style}' is none of {list(STYLES)}.")
        if min(self.num_layers, self.width, self.num_heads, self.feedforward) < 1:
            raise ValueError(f"sizes of a decoder-only stack must be positive: {self}.")
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} is not divisible by num_heads {self.num_heads}.")
        if self.style == "llama" and self.width // self.num_heads % 2:
            raise ValueError(
                f"the rotary positions of style llama want heads of one even width; width {self.width} and "
                f"num_heads {self.num_heads} make them {self.width // self.num_heads} wide."
            )


@dataclass(frozen=True)
class RotaryStackConfig(CausalStackConfig):
    """Sizes where the inputs hold no positions, so that the stack has to turn queries and keys by them."""

    style: str = "llama"

    def __post_init__(self):
        super().__post_init__()
        if self.style != "llama":
            raise ValueError(
                f"style {self.style} has no rotary positions, and the inputs hold none; use llama."
            )


class SwiGLU(nn.Module):
    """W_3 (silu(W_1 x) * W_2 x) without biases (arXiv:2002.05202, Eq. 6)."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.gate_and_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        gate, up = self.gate_and_up(hidden).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class CausalBlock(nn.Module):
    """x += Drop(Attention(Norm(x))); x += Drop(FFN(Norm(x)))."""

    def __init__(self, config: CausalStackConfig):
        super().__init__()
        gpt2 = config.style == "gpt2"
        self.attention_norm = norm_of(config)
        self.attention = RotarySelfAttention(
            config.width, config.num_heads, config.attention_dropout, bias=gpt2
        )
        self.feedforward_norm = norm_of(config)
        self.feedforward = (
            nn.Sequential(
                nn.Linear(config.width, config.feedforward),
                nn.GELU(approximate="tanh"),
                nn.Linear(config.feedforward, config.width),
            )
            if gpt2
            else SwiGLU(config.width, config.feedforward)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden: Tensor, allowed: Tensor, rotation: Rotation | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        attended = self.attention(self.attention_norm(hidden), allowed, rotation, cache, layer)
        hidden = hidden + self.dropout(attended)
        return hidden + self.dropout(self.feedforward(self.feedforward_norm(hidden)))


def norm_of(config: CausalStackConfig) -> nn.Module:
    if config.style == "gpt2":
        return nn.LayerNorm(config.width)
    return nn.RMSNorm(config.width, eps=1e-6)


class CausalStack(BlockStack):
    """Blocks and a final norm; what goes in are embeddings of the stack's own width."""

    def __init__(self, config: CausalStackConfig):
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(CausalBlock(config) for _ in range(config.num_layers))
        self.norm = norm_of(config)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @property
    def rotary(self) -> bool:
        """Whether positions turn queries and keys; otherwise the inputs hold them."""
        return self.config.style == "llama"

    def forward(
        self, values: Tensor, allowed: Tensor, positions: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """Hidden states of the given positions; arguments as of ``TransformerStack``.

        Args:
            values: (B, L, width).
            positions: (B, L), not read by stacks whose inputs hold them.
        Returns:
            (B, L, width).
        """
        positions = positions if self.rotary else None
        hidden = self.dropout(values)
        return self.through_blocks(hidden, allowed, positions, cache)


def causal_mask(padding: Tensor, bidirectional: int = 0) -> Tensor:
    """Every position sees the valid ones before it and itself.

    Args:
        padding: (B, L) bool, True at padding.
        bidirectional: so many first positions see each other, too.
    Returns:
        (B, L, L) bool, True where allowed.
    """
    index = torch.arange(padding.size(1), device=padding.device)
    causal = index[None, :] <= index[:, None]
    together = (index[None, :] < bidirectional) & (index[:, None] < bidirectional)
    own = torch.eye(padding.size(1), dtype=torch.bool, device=padding.device)
    return ((causal | together) & ~padding[:, None, :]) | (padding[:, :, None] & own)
