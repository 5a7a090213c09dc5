"""The enrollment's codes in front of the target's, as LauraTSE's "Ref output" predicts them."""

import torch
from torch import Tensor

from espnet_tse.schema import PADDING_CODE, Codes


def join_codes(first: Codes, second: Codes) -> Codes:
    """Each row's codes of ``first``, then those of ``second``, without a gap.

    Args:
        first, second: (B, n, T_1) and (B, n, T_2) of one frame rate.
    Returns:
        (B, n, T), T the longest joined row.
    """
    lengths = first.lengths + second.lengths
    index = torch.arange(int(lengths.max()), device=lengths.device)[None].expand(len(lengths), -1)
    behind = index - first.lengths[:, None]

    def at(codes: Codes, place: Tensor) -> Tensor:
        place = place.clamp(0, codes.values.size(2) - 1)
        return codes.values.gather(2, place[:, None].expand(-1, codes.values.size(1), -1))

    values = torch.where((behind < 0)[:, None], at(first, index), at(second, behind))
    joined = Codes(values, lengths, second.frame_rate)
    return Codes(values.masked_fill(joined.padding_mask[:, None], PADDING_CODE), lengths, second.frame_rate)


def frames_behind(values: Tensor, lead: Tensor, num_frames: int) -> Tensor:
    """What stands behind each row's own lead.

    Args:
        values: (B, L, ...).
        lead: (B,) int64, positions of a row that are left out.
        num_frames: T.
    Returns:
        (B, T, ...); behind a row's end its last position is repeated.
    """
    index = lead[:, None] + torch.arange(num_frames, device=values.device)
    rows = torch.arange(values.size(0), device=values.device)[:, None]
    return values[rows, index.clamp_max(values.size(1) - 1)]


def codes_behind(codes: Codes, lead: Tensor) -> Codes:
    """Codes (B, n, T) less the first ``lead`` (B,) frames of each row, (B, n, T'); shorter rows are empty."""
    lengths = (codes.lengths - lead).clamp_min(0)
    values = frames_behind(codes.values.transpose(1, 2), lead, int(lengths.max())).transpose(1, 2)
    kept = Codes(values, lengths, codes.frame_rate)
    return Codes(values.masked_fill(kept.padding_mask[:, None], PADDING_CODE), lengths, codes.frame_rate)
