"""Enrollment and mixture as one sequence a row, with the time of every position."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.layers.joining import join_left_padded
from espnet_tse.schema import Conditions

GAP_S = 1.0  # between the enrollment's end and the mixture's start on the time axis


@dataclass
class ConditionSequence:
    """[lead, E_r, separator, E_m], padded in front; ``lead`` only where one was given."""

    values: Tensor  # (B, P, D)
    padding: Tensor  # (B, P) bool, True at padding
    positions: Tensor  # (B, P) in frames of the target; the mixture begins at 0, the enrollment lies before


def join_conditions(
    conditions: Conditions, separator: Tensor, frame_rate: float, lead: Tensor | None = None
) -> ConditionSequence:
    """Join the conditions of each row without gaps.

    Args:
        conditions: E_m and E_r at any frame rates.
        separator: (D,) token between enrollment and mixture.
        frame_rate: Hz, of the target's frames, the unit of ``positions``.
        lead: (D,) token in front, if any.
    """
    enrollment, mixture = conditions.enrollment, conditions.mixture
    batch, device = mixture.values.size(0), mixture.values.device
    never = torch.zeros(batch, 1, dtype=torch.bool, device=device)
    gap = GAP_S * frame_rate
    before_end = torch.arange(enrollment.values.size(1), device=device) - enrollment.lengths[:, None]
    enrollment_time = before_end * (frame_rate / enrollment.frame_rate) - gap
    mixture_time = torch.arange(mixture.values.size(1), device=device) * (frame_rate / mixture.frame_rate)

    def token(vector: Tensor) -> Tensor:
        return vector.to(mixture.values).expand(batch, 1, -1)

    spans = [
        (enrollment.values, enrollment.padding_mask, enrollment_time),
        (token(separator), never, torch.full((batch, 1), -gap / 2, device=device)),
        (mixture.values, mixture.padding_mask, mixture_time.expand(batch, -1)),
    ]
    if lead is not None:
        spans.insert(0, (token(lead), never, enrollment_time[:, :1] - gap / 2))
    values, padding = join_left_padded([(value, mask) for value, mask, _ in spans])
    positions, _ = join_left_padded([(time[..., None], mask) for _, mask, time in spans])
    return ConditionSequence(values, padding, positions[..., 0])


def mixture_at(conditions: Conditions, num_frames: int, frame_rate: float) -> Tensor:
    """The mixture's condition frame at the time of every target frame.

    Args:
        conditions: E_m at any frame rate.
        num_frames: T, frames of the target.
        frame_rate: Hz, of the target's frames.
    Returns:
        (B, T, D); behind a row's end its last frame is repeated.
    """
    mixture = conditions.mixture
    times = torch.arange(num_frames, device=mixture.values.device) * (mixture.frame_rate / frame_rate)
    last = (mixture.lengths - 1).clamp_min(0)[:, None]
    index = torch.minimum(times.round().long()[None], last)
    return mixture.values.gather(1, index[..., None].expand(-1, -1, mixture.values.size(2)))


def mean_enrollment(conditions: Conditions) -> Tensor:
    """Mean of the enrollment's valid frames: (B, 1, D), what a speaker embedding would be."""
    enrollment = conditions.enrollment
    valid = (~enrollment.padding_mask)[..., None]
    total = (enrollment.values * valid).sum(dim=1, keepdim=True)
    return total / enrollment.lengths.clamp_min(1)[:, None, None]
