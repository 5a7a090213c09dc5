"""The feed-forward layer whose one half opens and shuts the other (SwiGLU, arXiv:2002.05202)."""

from torch import Tensor, nn
from torch.nn import functional as F

ROUNDING = 256  # hidden widths are multiples of it


def gated_width(width: int) -> int:
    """Hidden width with about the parameters of a plain layer of 4 * ``width``: two thirds of it, rounded up."""
    return -(-int(2 * 4 * width / 3) // ROUNDING) * ROUNDING


class GatedFeedforward(nn.Module):
    """W_o (SiLU(W_a x) * W_b x): (..., width) -> (..., width)."""

    def __init__(self, width: int):
        super().__init__()
        hidden = gated_width(width)
        self.input, self.output = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        gate, value = self.input(values).chunk(2, dim=-1)
        return self.output(F.silu(gate) * value)
