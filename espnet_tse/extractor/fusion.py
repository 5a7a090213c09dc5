"""Speaker conditioning: how one embedding an utterance enters a sequence of features."""

import torch
from torch import Tensor, nn

FUSIONS = ("concat", "add", "multiply", "film")


class Fusion(nn.Module):
    """An embedding joined to every position of a feature map.

    concat: Linear([x, e]); add: x + Linear(e); multiply: x * Linear(e) (arXiv:2001.08378's adaptation layer);
    film: (1 + Linear(e)) * x + Linear(e) (arXiv:1709.07871).
    """

    def __init__(self, kind: str, width: int, embedding_dim: int):
        super().__init__()
        check_fusion(kind)
        self.kind = kind
        inputs, outputs = embedding_dim, width
        if kind == "concat":
            inputs += width
        if kind == "film":
            outputs *= 2
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, values: Tensor, embedding: Tensor) -> Tensor:
        """(B, ..., C) and (B, E) -> (B, ..., C)."""
        embedding = embedding.view(embedding.size(0), *[1] * (values.dim() - 2), -1)
        if self.kind == "concat":
            spread = embedding.expand(*values.shape[:-1], -1)
            return self.linear(torch.cat([values, spread], dim=-1))
        projected = self.linear(embedding)
        if self.kind == "add":
            return values + projected
        if self.kind == "multiply":
            return values * projected
        scale, shift = projected.chunk(2, dim=-1)
        return (1 + scale) * values + shift


def check_fusion(kind: str) -> None:
    """Raise ValueError for an unknown kind."""
    if kind not in FUSIONS:
        raise ValueError(f"fusion '{kind}' is none of {list(FUSIONS)}.")
