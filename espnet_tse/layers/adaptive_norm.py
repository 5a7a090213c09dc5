"""Layer norm whose gain and shift follow a condition, such as a speaker's vector."""

from torch import Tensor, nn
from torch.nn import functional as F


class AdaptiveLayerNorm(nn.Module):
    """g(c) * LayerNorm(x) + b(c), with g and b linear in the condition c.

    Args:
        one_plus_scale: g = 1 + W c + v; the norm then starts as a plain one when W starts small. Without it
            g = W c + v, which starts near 0: nothing passes until the gains are learned.
        eps: of the norm.
    """

    def __init__(self, condition_dim: int, channels: int, one_plus_scale: bool, eps: float = 1e-6):
        super().__init__()
        self.one_plus_scale, self.eps = one_plus_scale, eps
        self.scale = nn.Linear(condition_dim, channels)
        self.shift = nn.Linear(condition_dim, channels)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """(B, T, C) frames and (B, C_c) conditions, one a row -> (B, T, C)."""
        scale = self.scale(condition)[:, None]
        normed = F.layer_norm(hidden, hidden.shape[-1:], eps=self.eps)
        return normed * (1.0 + scale if self.one_plus_scale else scale) + self.shift(condition)[:, None]
