"""Choosing and cropping rows of batched values, whatever their kind."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value")


def rows_of(value: Any, index: Tensor) -> Any:
    """The batch rows of ``index`` (int64) of a tensor, a list of B entries, or a value that has ``rows``."""
    if isinstance(value, Tensor):
        if value.size(0) == 1:  # a single row, taken any number of times, needs no copies
            return value.expand(len(index), *value.shape[1:])
        return value[index.to(value.device)]
    if isinstance(value, list):
        return [value[row] for row in index.tolist()]
    return value.rows(index)


def moved(value: Any, device: torch.device | str) -> Any:
    """``value`` on ``device``; what holds no tensors is returned as it is."""
    return value.to(device) if hasattr(value, "to") else value


class BatchedFields:
    """A dataclass whose fields have B rows each; those named in ``shared`` belong to the whole batch."""

    shared: tuple[str, ...] = ()

    def rows(self: Value, index: Tensor) -> Value:
        """The batch rows of ``index`` (int64), in its order; a row may be taken several times."""
        return self.mapped(lambda value: rows_of(value, index))

    def to(self: Value, device: torch.device | str) -> Value:
        """All tensors on ``device``."""
        return replace(
            self, **{field.name: moved(getattr(self, field.name), device) for field in fields(self)}
        )

    def mapped(self: Value, function) -> Value:
        """A copy with ``function`` of every field that has rows."""
        values = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in self.shared
        }
        return replace(self, **{name: function(value) for name, value in values.items() if value is not None})


def take_spans(values: Tensor, starts: Tensor, lengths: Tensor, fill: float = 0) -> Tensor:
    """A span of every row.

    Args:
        values: (B, T, ...).
        starts, lengths: (B,) int64, with starts + lengths at most T.
        fill: what stands behind a row's length.
    Returns:
        (B, L, ...), L the longest span.
    """
    place = torch.arange(int(lengths.max()), device=values.device)[None]
    index = (starts[:, None] + place).clamp_max(max(values.size(1) - 1, 0))
    taken = values[torch.arange(values.size(0), device=values.device)[:, None], index]
    beyond = (place >= lengths[:, None]).view(*index.shape, *[1] * (values.dim() - 2))
    return taken.masked_fill(beyond, fill)


def frame_spans(
    starts: Tensor, lengths: Tensor, sample_rate: int, frame_rate: float, num_frames: Tensor
) -> tuple[Tensor, Tensor]:
    """Spans of samples as spans of frames.

    Args:
        starts, lengths: (B,) int64, samples.
        sample_rate, frame_rate: Hz.
        num_frames: (B,) int64, frames of the whole rows, which no span exceeds.
    Returns:
        first frames and numbers of frames, (B,) int64: the frame that holds the first sample, and as many as
        a signal of that length has, ceil(N / hop).
    """
    ratio = frame_rate / sample_rate
    # Rates such as 62.5 Hz are exact in binary, others are not: 1e-6 frames are no frame.
    first = torch.floor(starts.double() * ratio + 1e-6).long()
    count = torch.ceil(lengths.double() * ratio - 1e-6).long()
    first = torch.minimum(first, num_frames)
    return first, torch.minimum(count, num_frames - first)
