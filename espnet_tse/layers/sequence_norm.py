"""Normalisation of sequences that does not see their padding."""

import torch
from torch import Tensor, nn

from espnet_tse.schema.padding import valid_mask


class GlobalNorm(nn.Module):
    """Mean and variance over all in the valid frames of a row (gLN, arXiv:1809.07454, Eq. 11).

    The same numbers as a ``GroupNorm`` of one group on a row without padding.
    """

    def __init__(self, width: int, eps: float = 1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T, ..., C) -> the same shape.

        Args:
            lengths: (B,) valid frames, None where all are; frames behind are normalised with the rest.
        """
        inner = tuple(range(1, values.dim()))
        if lengths is None:
            variance, mean = torch.var_mean(values, dim=inner, keepdim=True, unbiased=False)
        else:
            valid = frame_mask(values, lengths)
            count = lengths.clamp_min(1).view(-1, *[1] * len(inner)) * values[0, 0].numel()
            mean = (values * valid).sum(dim=inner, keepdim=True) / count
            variance = ((values - mean) * valid).square().sum(dim=inner, keepdim=True) / count
        return (values - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class FrameNorm(nn.LayerNorm):
    """Mean and variance over the channels of each frame alone (cLN of causal Conv-TasNets)."""

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T, ..., C) -> the same shape."""
        return super().forward(values)


NORMS = {"sequence": GlobalNorm, "frame": FrameNorm}


def sequence_norm(width: int, causal: bool, name: str | None = None, eps: float = 1e-5) -> nn.Module:
    """The norm for sequences: over the utterance, or over each frame where the future is not known.

    Args:
        name: of ``NORMS``; None for the one that ``causal`` asks for.
    """
    return NORMS[name or ("frame" if causal else "sequence")](width, eps=eps)


def check_norm(option: str, name: str | None, causal: bool) -> None:
    """Raise ValueError for an unknown norm, or one that hears the future of a causal network."""
    if name is not None and name not in NORMS:
        raise ValueError(f"{option} '{name}' is none of {list(NORMS)}.")
    if causal and name == "sequence":
        raise ValueError(f"{option} 'sequence' hears the whole utterance; causal: true wants 'frame'.")


def frame_mask(values: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, 1, ...) of the type and rank of ``values`` (B, T, ...): 1 at valid frames, 0 at padding."""
    mask = valid_mask(lengths, values.size(1)).to(values.dtype)
    return mask.view(*mask.shape, *[1] * (values.dim() - 2))


def zero_padding(values: Tensor, lengths: Tensor | None) -> Tensor:
    """(B, T, ...) with zeros behind each row's length."""
    return values if lengths is None else values * frame_mask(values, lengths)
