"""Cross entropy against smoothed targets, as a divergence."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def smoothed_divergence(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """KL divergence of the predicted from the smoothed distribution, of each position.

    The target has probability 1 - e, each of the other V - 1 entries e / (V - 1); PyTorch's ``label_smoothing``
    gives the target a share of e, too. Source: the released UniSE (arXiv:2510.20441).

    Args:
        logits: (M, V).
        labels: (M,) int64.
        smoothing: e in [0, 1).
    Returns:
        (M,) nats, 0 where the logits are those of the smoothed target.
    """
    size = logits.size(1)
    if size == 1:
        return logits.sum(dim=1) * 0.0
    share = smoothing * size / (size - 1)
    entropy = -(1 - smoothing) * math.log(1 - smoothing)
    if smoothing > 0:
        entropy -= smoothing * math.log(smoothing / (size - 1))
    return F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=share) - entropy


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the ``chosen`` (bool), 0 where none is."""
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp_min(1)
