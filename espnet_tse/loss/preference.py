"""Direct Preference Optimisation on the log-probabilities of whole token sequences."""

from torch import Tensor
from torch.nn import functional as F


def log_probability(logits: Tensor, tokens: Tensor, padding: Tensor) -> Tensor:
    """Sum over the valid positions of the log-probability of a sequence.

    Args:
        logits: (B, T, V).
        tokens: (B, T) int64; what stands at padding is not read.
        padding: (B, T) bool, True at padding.
    Returns:
        (B,) nats.
    """
    chosen = logits.float().log_softmax(dim=-1).gather(-1, tokens.clamp_min(0)[..., None])[..., 0]
    return chosen.masked_fill(padding, 0.0).sum(dim=1)


def preference_loss(
    better: Tensor, worse: Tensor, reference_better: Tensor, reference_worse: Tensor, beta: float
) -> tuple[Tensor, Tensor]:
    """-log sigmoid(margin), the mean over the rows, and the margins (arXiv:2305.18290, Eq. 7).

    Args:
        better, worse: (B,) log-probabilities of both sequences by the model that is trained.
        reference_better, reference_worse: the same by the one that it began as.
    Returns:
        scalar, log 2 where the two models agree; margins (B,) without gradient.
    """
    margin = beta * ((better - reference_better) - (worse - reference_worse))
    return -F.logsigmoid(margin).mean(), margin.detach()
