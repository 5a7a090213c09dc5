"""Enrollment and mixture as one sequence a row, with the time of every position."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.layers.joining import join_left_padded
from espnet_tse.schema import Conditions, Frames

GAP_S = 1.0  # between the enrollment's end and the mixture's start on the time axis
WHICH = ("all", "mixture", "enrollment")


@dataclass
class ConditionSequence:
    """[lead, E_r, separator, E_m], padded in front; without those that were not wanted."""

    values: Tensor  # (B, P, D)
    padding: Tensor  # (B, P) bool, True at padding
    positions: Tensor  # (B, P) in frames of the target; the mixture begins at 0, the enrollment lies before


def join_conditions(
    conditions: Conditions,
    separator: Tensor | None,
    frame_rate: float,
    lead: Tensor | None = None,
    which: str = "all",
    mixture_start: Tensor | None = None,
) -> ConditionSequence:
    """Join the conditions of each row without gaps.

    Args:
        conditions: E_m and E_r at any frame rates.
        separator: (D,) token between enrollment and mixture; none, too, where ``which`` is one of them.
        frame_rate: Hz, of the target's frames, the unit of ``positions``.
        lead: (D,) token in front, if any.
        which: ``all``, or only the ``mixture``, or only the ``enrollment``.
        mixture_start: (B,) frames. On the time axis the enrollment then begins at 0 and the mixture here,
            as in a target that is the enrollment followed by what is wanted of the mixture.
    """
    enrollment, mixture = conditions.streams["enrollment"], conditions.streams["mixture"]
    batch, device = mixture.values.size(0), mixture.values.device
    never = torch.zeros(batch, 1, dtype=torch.bool, device=device)
    gap = GAP_S * frame_rate
    before_end = torch.arange(enrollment.values.size(1), device=device) - enrollment.lengths[:, None]
    start = torch.zeros(batch, device=device) if mixture_start is None else mixture_start
    enrollment_end = start - gap if mixture_start is None else start
    enrollment_time = before_end * (frame_rate / enrollment.frame_rate) + enrollment_end[:, None]
    mixture_index = torch.arange(mixture.values.size(1), device=device)
    mixture_time = mixture_index * (frame_rate / mixture.frame_rate) + start[:, None]

    def token(vector: Tensor) -> Tensor:
        return vector.to(mixture.values).expand(batch, 1, -1)

    spans = []
    if which != "mixture":
        spans.append((enrollment.values, enrollment.padding_mask, enrollment_time))
    if which == "all" and separator is not None:
        spans.append((token(separator), never, (start + enrollment_end)[:, None] / 2))
    if which != "enrollment":
        spans.append((mixture.values, mixture.padding_mask, mixture_time))
    if lead is not None:
        spans.insert(0, (token(lead), never, enrollment_time[:, :1] - gap / 2))
    values, padding = join_left_padded([(value, mask) for value, mask, _ in spans])
    positions, _ = join_left_padded([(time[..., None], mask) for _, mask, time in spans])
    return ConditionSequence(values, padding, positions[..., 0])


def mixture_at(
    conditions: Conditions, num_frames: int, frame_rate: float, mixture_start: Tensor | None = None
) -> Tensor:
    """The mixture's condition frame at the time of every target frame.

    Args:
        conditions: E_m and E_r at any frame rates.
        num_frames: T, frames of the target.
        frame_rate: Hz, of the target's frames.
        mixture_start: (B,) frames, as for ``join_conditions``: before it stands the enrollment's frame.
    Returns:
        (B, T, D); behind a row's end its last frame is repeated.
    """
    streams = conditions.streams
    index = torch.arange(num_frames, device=streams["mixture"].values.device)[None]
    if mixture_start is None:
        return frames_at(streams["mixture"], index, frame_rate)
    behind_start = index - mixture_start[:, None]
    enrollment = frames_at(streams["enrollment"], index, frame_rate)
    mixture = frames_at(streams["mixture"], behind_start, frame_rate)
    return torch.where((behind_start < 0)[..., None], enrollment, mixture)


def frames_at(frames: Frames, index: Tensor, frame_rate: float) -> Tensor:
    """What sounds in ``frames`` at the time of given frames of another rate.

    Args:
        index: (B | 1, T) int64, frames at ``frame_rate`` Hz.
    Returns:
        (B, T, D); the first frame before a row's begin and its last behind its end.
    """
    last = (frames.lengths - 1).clamp_min(0)[:, None]
    nearest = (index * (frames.frame_rate / frame_rate)).round().long().clamp_min(0)
    place = torch.minimum(nearest, last)
    return frames.values.gather(1, place[..., None].expand(-1, -1, frames.values.size(2)))


def mean_enrollment(conditions: Conditions) -> Tensor:
    """Mean of the enrollment's valid frames: (B, 1, D), what a speaker embedding would be."""
    enrollment = conditions.streams["enrollment"]
    valid = (~enrollment.padding_mask)[..., None]
    total = (enrollment.values * valid).sum(dim=1, keepdim=True)
    return total / enrollment.lengths.clamp_min(1)[:, None, None]
