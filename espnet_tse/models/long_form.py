"""Extraction of long mixtures in overlapping chunks."""

from typing import Callable

import torch
from torch import Tensor

from espnet_tse.schema import Estimate, Request, TSEBatch


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
    """Split rows longer than ``max_chunk_s``, extract all chunks in one batch, cross-fade.

    Each chunk is matched in RMS to what is already there on their overlap: generative decoders have a
    level of their own for every call.

    Returns:
        (B, N) waveform, zeros behind each row's length; the prediction is kept where nothing was split.
    """
    chunk = int(request.conf.max_chunk_s * batch.sample_rate)
    overlap = int(request.conf.overlap_s * batch.sample_rate)
    lengths = batch.mixture_lengths.tolist()
    pieces = [
        (row, start) for row, length in enumerate(lengths) for start in chunk_starts(length, chunk, overlap)
    ]
    if len(pieces) == len(lengths):
        whole = estimate(batch, request)
        whole.waveform = fit_lengths(whole.waveform, batch.mixture_lengths, batch.mixture.size(1))
        return whole
    rows, starts = torch.tensor(pieces, device=batch.mixture.device).unbind(dim=1)
    piece_lengths = torch.minimum(batch.mixture_lengths[rows] - starts, torch.full_like(starts, chunk))
    parts = estimate(
        batch.rows(rows).crop(starts, piece_lengths),
        request.rows(rows).crop(starts, piece_lengths, batch.sample_rate),
    )
    waveform = torch.zeros_like(batch.mixture)
    filled = [0] * len(lengths)
    for index, (row, start) in enumerate(pieces):
        length = int(piece_lengths[index])
        part = fit_lengths(parts.waveform[index : index + 1], piece_lengths[index : index + 1], length)[0]
        append_chunk(waveform[row], part, start, filled[row])
        filled[row] = start + length
    return Estimate(
        waveform,
        batch.mixture_lengths,
        batch.sample_rate,
        num_function_evaluations=parts.num_function_evaluations,
        diagnostics={**parts.diagnostics, "num_chunks": len(pieces)},
    )


def append_chunk(signal: Tensor, part: Tensor, start: int, filled: int) -> None:
    """Write ``part`` into ``signal`` (N,) at ``start``, cross-fading over what is filled already."""
    shared = filled - start
    if shared > 0:
        there, new = signal[start:filled], part[:shared]
        level = new.square().mean().sqrt()
        if level > 0 and there.square().mean() > 0:
            part = part * (there.square().mean().sqrt() / level)
        fade = torch.linspace(0.0, 1.0, shared, device=part.device)
        signal[start:filled] = there * (1.0 - fade) + part[:shared] * fade
    signal[start + max(shared, 0) : start + len(part)] = part[max(shared, 0) :]


def fit_lengths(waveform: Tensor, lengths: Tensor, num_samples: int) -> Tensor:
    """Trim or zero-pad (B, N') to (B, num_samples), zeros behind each row's length."""
    if waveform.size(1) < num_samples:
        waveform = torch.nn.functional.pad(waveform, (0, num_samples - waveform.size(1)))
    waveform = waveform[:, :num_samples]
    valid = torch.arange(num_samples, device=waveform.device)[None] < lengths[:, None]
    return waveform * valid
