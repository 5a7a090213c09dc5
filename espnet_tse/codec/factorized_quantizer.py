"""A codebook of few dimensions, searched by direction alone (ViT-VQGAN, arXiv:2110.04627, Sec. 3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

FRAMES_AT_ONCE = 4096  # frames x entries of the table are held at once


@dataclass
class FactorizedCodes:
    """What ``FactorizedQuantizer.forward`` gives."""

    values: Tensor  # (B, T, D), those of the codes, with the gradient of the projected input
    codes: Tensor  # (B, T) int64
    commitment: Tensor  # scalar, mean squared distance that pulls the input to its entries
    codebook: Tensor  # scalar, the same value, which pulls the entries


class FactorizedQuantizer(nn.Module):
    """Project to few dimensions, take the entry of the largest cosine, project back.

    The entry itself is projected back, not its direction: only the search ignores lengths.
    """

    def __init__(self, input_dim: int, codebook_size: int, codebook_dim: int):
        super().__init__()
        self.down = weight_norm(nn.Conv1d(input_dim, codebook_dim, 1))
        self.up = weight_norm(nn.Conv1d(codebook_dim, input_dim, 1))
        self.entries = nn.Parameter(torch.randn(codebook_size, codebook_dim))

    def forward(self, features: Tensor) -> FactorizedCodes:
        """(B, T, D) -> values and both terms of a training's loss, unweighted and in either mode."""
        projected = self.project(features)
        codes = self.nearest(projected)
        entries = self.entries[codes]
        values = projected + (entries - projected).detach()
        return FactorizedCodes(
            self.expand(values),
            codes,
            F.mse_loss(projected, entries.detach()),
            F.mse_loss(entries, projected.detach()),
        )

    def encode(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T) int64."""
        return self.nearest(self.project(features))

    def decode(self, codes: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, D)."""
        return self.expand(self.entries[codes])

    def project(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, codebook_dim)."""
        return self.down(features.transpose(1, 2)).transpose(1, 2)

    def expand(self, values: Tensor) -> Tensor:
        """(B, T, codebook_dim) -> (B, T, D)."""
        return self.up(values.transpose(1, 2)).transpose(1, 2)

    def nearest(self, projected: Tensor) -> Tensor:
        """(B, T, codebook_dim) -> (B, T) int64, the entries whose cosine with it is largest."""
        directions = F.normalize(self.entries, dim=1)
        # The length of a frame multiplies all its cosines, so it need not be divided out.
        parts = [
            (part @ directions.T).argmax(dim=1) for part in projected.flatten(0, 1).split(FRAMES_AT_ONCE)
        ]
        return torch.cat(parts).view(projected.shape[:2])
