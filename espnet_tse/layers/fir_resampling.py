"""Maps at half or twice the resolution by a short filter, so that nothing aliases."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


class FIRResampling(nn.Module):
    """The separable filter [1, 3, 3, 1] in both directions; as a stride it halves, as a transposed one it doubles."""

    def __init__(self):
        super().__init__()
        taps = torch.tensor(TAPS)
        self.register_buffer(
            "kernel", (torch.outer(taps, taps) / taps.sum().square())[None, None], persistent=False
        )

    def halved(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H / 2, W / 2), both even."""
        channels = maps.size(1)
        kernel = self.kernel.to(maps).expand(channels, -1, -1, -1)
        return F.conv2d(maps, kernel, stride=2, padding=1, groups=channels)

    def doubled(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 2 H, 2 W); the mean level stays."""
        channels = maps.size(1)
        kernel = 4 * self.kernel.to(maps).expand(channels, -1, -1, -1)
        return F.conv_transpose2d(maps, kernel, stride=2, padding=1, groups=channels)
