"""The level of what has come so far, for networks that cannot know the level of the whole."""

import torch
from torch import Tensor, nn

from espnet_tse.layers.stream_state import StreamState


class RunningLevel(nn.Module):
    """Root of a mean of the frames' powers that forgets, the present frame included.

    m_t = sum_i a^(t - i) p_i / sum_i a^(t - i): the mean of all frames at the beginning, of the last 1 / (1 - a) later.
    """

    def __init__(self, memory: float, floor: float):
        """
        Args:
            memory: frames, 1 / (1 - a).
            floor: least power; silence keeps the level of full scale 1 from being turned up without bounds.
        """
        super().__init__()
        self.decay, self.floor = 1.0 - 1.0 / memory, floor

    def forward(self, powers: Tensor, state: StreamState | None = None) -> Tensor:
        """Powers of frames (B, T) -> levels (B, T)."""
        held = None if state is None else state.get(self)
        total, weight = powers.new_zeros(2, powers.size(0)) if held is None else held
        levels = []
        for power in powers.unbind(dim=1):
            total, weight = self.decay * total + power, self.decay * weight + 1.0
            levels.append(total / weight)
        if state is not None:
            state[self] = torch.stack([total, weight])
        return torch.stack(levels, dim=1).clamp_min(self.floor).sqrt()
