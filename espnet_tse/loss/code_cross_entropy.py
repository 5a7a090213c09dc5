"""Cross entropy of code streams."""

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORE = -100  # torch's own mark of a position that counts nowhere


def code_labels(codes: Tensor, lengths: Tensor, end_token: int) -> Tensor:
    """Labels of a code language model: the codes, then one end token in every stream.

    Args:
        codes: (B, n, T) int64.
        lengths: (B,) valid frames.
        end_token: index of the end of sequence.
    Returns:
        (B, T + 1, n) int64, ``IGNORE`` behind the end token.
    """
    labels = F.pad(codes.transpose(1, 2), (0, 0, 0, 1), value=IGNORE)
    frame = torch.arange(labels.size(1), device=codes.device)[None, :, None]
    last = lengths[:, None, None]
    labels = torch.where(frame == last, end_token, labels)
    return torch.where(frame > last, IGNORE, labels)


def code_cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross entropy over valid frames and streams, and the accuracy of each stream.

    Args:
        logits: (B, T, n, V).
        labels: (B, T, n), ``IGNORE`` where nothing is scored.
    Returns:
        loss, scalar in nats; accuracy (n,) in [0, 1], without gradient.
    """
    loss = F.cross_entropy(logits.float().flatten(0, 2), labels.flatten(), ignore_index=IGNORE)
    with torch.no_grad():
        valid = labels != IGNORE
        hits = (logits.argmax(dim=-1) == labels) & valid
        accuracy = hits.sum(dim=(0, 1)) / valid.sum(dim=(0, 1)).clamp_min(1)
    return loss, accuracy
