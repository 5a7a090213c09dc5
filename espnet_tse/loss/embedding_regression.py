"""Regression of codec embeddings."""

from torch import Tensor

from espnet_tse.schema import Frames


def embedding_regression(estimate: Frames, target: Frames) -> Tensor:
    """0.5 mean |e| + 0.25 mean e^2 over valid frames and all dimensions (released LauraTSE criterion).

    The released code masks the feature axis by the frame count; here the time axis is masked, which is
    what the paper's equation says.

    Args:
        estimate, target: (B, T, D) with equal lengths.
    Returns:
        scalar.
    Raises:
        ValueError: shapes differ.
    """
    if estimate.values.shape != target.values.shape:
        raise ValueError(
            f"estimate {tuple(estimate.values.shape)} and target {tuple(target.values.shape)} embeddings differ in shape."
        )
    error = (estimate.values - target.values)[~target.padding_mask].float()
    return 0.5 * error.abs().mean() + 0.25 * error.square().mean()
