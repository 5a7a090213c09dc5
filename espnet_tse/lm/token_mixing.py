"""Predicted tokens mixed with others: with the truth in training, with pseudo-labels in decoding."""

import torch
from torch import Tensor
from torch.nn import functional as F


def mix_tokens(
    logits: Tensor, codes: Tensor, truth_share: float, generator: torch.Generator | None = None
) -> Tensor:
    """Straight-through one-hot predictions, wrong ones replaced by the truth with a probability.

    With p = softmax(logits) and y = argmax p the value is onehot(y) and the gradient that of p. A wrong
    y is replaced by onehot(truth) with probability ``truth_share`` (rho, ``codec_sampling_ratio`` of the
    released LauraTSE configuration); rho = 1 is teacher forcing: no gradient reaches the logits.

    Args:
        logits: (B, T, n, V), the end token left out.
        codes: (B, T, n) int64 ground truth; a negative (padding) entry counts as entry 0.
        truth_share: rho in [0, 1].
        generator: of the draws; the global one when None.
    Returns:
        (B, T, n, V), one-hot in value.
    """
    probabilities = logits.softmax(dim=-1)
    predicted = F.one_hot(probabilities.argmax(dim=-1), logits.size(-1)).to(probabilities)
    truth = F.one_hot(codes.clamp_min(0), logits.size(-1)).to(probabilities)
    if truth_share >= 1.0:
        return truth
    straight_through = probabilities + (predicted - probabilities).detach()
    wrong = (predicted != truth).any(dim=-1)
    drawn = torch.rand(wrong.shape, device=wrong.device, generator=generator) < truth_share
    return torch.where((wrong & drawn)[..., None], truth, straight_through)


def inject_codes(predicted: Tensor, labels: Tensor, ratio: float, draws: Tensor) -> Tensor:
    """``mix_tokens`` of decoding, on codes: predictions that differ from pseudo-labels give way to them.

    Args:
        predicted, labels: (B, n, T) int64.
        ratio: R in [0, 1], the probability; 0 keeps all predictions, 1 gives ``labels``.
        draws: (B, T, n) uniform in [0, 1), of ``row_draws``; a larger ratio replaces the same codes and more.
    Returns:
        (B, n, T).
    """
    return torch.where(draws.to(labels.device).transpose(1, 2) < ratio, labels, predicted)
