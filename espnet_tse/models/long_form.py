"""Extraction of long mixtures in overlapping chunks."""

from typing import Any, Callable, Iterator

import torch
from torch import Tensor

from espnet_tse.schema import Estimate, Request, TSEBatch
from espnet_tse.schema.padding import padding_mask

CHUNKS_AT_ONCE = 8  # of a long mixture: memory does not grow with its length
MAX_GAIN = 4.0  # of a chunk against the one before it, 12 dB
# 0.5 dB: a system that keeps the level needs no gain, and small ones would add up over hundreds of chunks.
RIGHT_LEVEL = 1.06
# RMS of an overlap against that of its whole chunk; in a pause the ratio of two residues says nothing.
AUDIBLE = 0.05


def chunk_starts(num_samples: int, chunk: int, overlap: int) -> list[int]:
    """First samples of the chunks that cover a signal, neighbours sharing ``overlap`` samples or more.

    The last chunk is moved back to end with the signal, so that no chunk is shorter than the others.
    """
    if num_samples <= chunk:
        return [0]
    starts = list(range(0, num_samples - chunk, chunk - overlap))
    return [*starts, num_samples - chunk]


def extract_in_chunks(
    estimate: Callable[[TSEBatch, Request], Estimate], batch: TSEBatch, request: Request
) -> Estimate:
    """Extract rows of at most ``max_chunk_s`` together and each longer one in chunks, which are cross-faded.

    A row that is not split is extracted as it would be without batch mates that are.

    Returns:
        (B, N) waveform, zeros behind each row's length; the prediction is kept where nothing was split.
    """
    chunk = int(request.conf.max_chunk_s * batch.sample_rate)
    overlap = int(request.conf.overlap_s * batch.sample_rate)
    split = batch.mixture_lengths > chunk
    if not split.any():
        return extract_whole(estimate, batch, request)
    waveform = torch.zeros_like(batch.mixture)
    num_evaluations, diagnostics = 0, []
    whole = (~split).nonzero()[:, 0]
    if len(whole):
        part = extract_whole(estimate, batch.rows(whole), request.rows(whole))
        waveform[whole] = part.waveform
        num_evaluations, diagnostics = part.num_function_evaluations, [part.diagnostics]
    num_chunks = len(whole)
    for row in split.nonzero():
        starts = chunk_starts(int(batch.mixture_lengths[row]), chunk, overlap)
        num_chunks += len(starts)
        filled = 0
        for group in groups_of(starts):
            part = extract_group(estimate, batch, request, row, group, chunk)
            for start, signal in zip(group, part.waveform):
                append_chunk(waveform[row[0]], signal, start, filled)
                filled = start + chunk
            num_evaluations += part.num_function_evaluations
            diagnostics.append(part.diagnostics)
    return Estimate(
        waveform,
        batch.mixture_lengths,
        batch.sample_rate,
        num_function_evaluations=num_evaluations,
        diagnostics={**added(diagnostics), "num_chunks": num_chunks},
    )


def extract_whole(estimate: Callable, batch: TSEBatch, request: Request) -> Estimate:
    """All rows at once, at their lengths."""
    result = estimate(batch, request)
    result.waveform = fit_lengths(result.waveform, batch.mixture_lengths, batch.mixture.size(1))
    return result


def groups_of(starts: list[int]) -> Iterator[list[int]]:
    """The chunks that are extracted at once."""
    for first in range(0, len(starts), CHUNKS_AT_ONCE):
        yield starts[first : first + CHUNKS_AT_ONCE]


def extract_group(
    estimate: Callable, batch: TSEBatch, request: Request, row: Tensor, group: list[int], chunk: int
) -> Estimate:
    """Some chunks of one row, (len(group), chunk).

    Args:
        row: (1,) int64, its number.
        group: first samples of the chunks.
        chunk: samples of each.
    """
    starts = torch.tensor(group, device=batch.mixture.device)
    lengths = torch.full_like(starts, chunk)
    copies = torch.zeros_like(starts)  # of the one row: views, not copies of an hour of audio
    result = estimate(
        batch.rows(row).rows(copies).crop(starts, lengths),
        request.rows(row).rows(copies).crop(starts, lengths, batch.sample_rate),
    )
    return Estimate(
        fit_lengths(result.waveform, lengths, chunk),
        lengths,
        batch.sample_rate,
        num_function_evaluations=result.num_function_evaluations,
        diagnostics=result.diagnostics,
    )


def added(diagnostics: list[dict[str, Any]]) -> dict[str, Any]:
    """Diagnostics of several estimates as one: numbers are summed, lists joined."""
    total: dict[str, Any] = {}
    for one in diagnostics:
        for name, value in one.items():
            total[name] = total[name] + value if name in total else value
    return total


def append_chunk(signal: Tensor, part: Tensor, start: int, filled: int) -> None:
    """Write ``part`` into ``signal`` (N,) at ``start``, cross-fading over what is filled already.

    It is brought to the level of what is there, for generative decoders have a level of their own for every
    call.
    """
    shared = filled - start
    if shared <= 0:
        signal[start : start + len(part)] = part
        return
    part = part * gain_between(signal[max(0, filled - len(part)) : filled], part, shared)
    fade = torch.linspace(0.0, 1.0, shared, device=part.device)
    signal[start:filled] = signal[start:filled] * (1.0 - fade) + part[:shared] * fade
    signal[filled : start + len(part)] = part[shared:]


def gain_between(there: Tensor, part: Tensor, shared: int) -> float:
    """Factor that brings ``part`` to the level of ``there`` on the ``shared`` samples where they meet.

    They are the end of ``there`` and the beginning of ``part``. 1 where both are right already, or one of
    them is all but silent there.
    """
    ends = [(there[-shared:], there), (part[:shared], part)]
    (old, old_all), (new, new_all) = [(rms(end), rms(whole)) for end, whole in ends]
    if old <= AUDIBLE * old_all or new <= AUDIBLE * new_all or max(old, new) <= RIGHT_LEVEL * min(old, new):
        return 1.0
    return min(max(old / new, 1.0 / MAX_GAIN), MAX_GAIN)


def rms(signal: Tensor) -> float:
    return float(torch.linalg.vector_norm(signal)) / max(1, len(signal)) ** 0.5


def fit_lengths(waveform: Tensor, lengths: Tensor, num_samples: int) -> Tensor:
    """Trim or zero-pad (B, N') to (B, num_samples), zeros behind each row's length."""
    if waveform.size(1) < num_samples:
        waveform = torch.nn.functional.pad(waveform, (0, num_samples - waveform.size(1)))
    waveform = waveform[:, :num_samples]
    return waveform.masked_fill(padding_mask(lengths, num_samples), 0.0)
