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
            f"estimate {tuple(estimate.values.shape)} and target {tuple(target.values.shape)} embeddings "
            "differ in shape."
        )
    error = (estimate.values - target.values).float()
    # Not picked by their mask: how many they are the host would have to ask the GPU.
    error = error.masked_fill(target.padding_mask[..., None], 0.0)
    count = (target.lengths.sum() * error.size(2)).clamp_min(1)
    return (0.5 * error.abs().sum() + 0.25 * error.square().sum()) / count
