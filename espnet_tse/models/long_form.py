"""Extraction of long mixtures in overlapping chunks."""

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterable, Iterator

import torch
from torch import Tensor

from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.schema import DecodeConf, Estimate, Request, TSEBatch
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


@dataclass
class Effort:
    """What several estimates took together."""

    num_function_evaluations: int = 0
    diagnostics: dict[str, Any] = field(default_factory=dict)  # numbers are summed, lists joined

    def add(self, result: Estimate) -> None:
        self.num_function_evaluations += result.num_function_evaluations
        for name, value in result.diagnostics.items():
            self.diagnostics[name] = self.diagnostics[name] + value if name in self.diagnostics else value


def extract_in_chunks(estimate: EstimateFunction, batch: TSEBatch, request: Request) -> Estimate:
    """Extract rows of at most ``max_chunk_s`` together and each longer one in chunks, which are cross-faded.

    A row that is not split is extracted as it would be without batch mates that are.

    Returns:
        (B, N) waveform, zeros behind each row's length; the prediction is kept where nothing was split.
    """
    chunk, overlap = chunk_and_overlap(request.conf, batch.sample_rate)
    split = batch.mixture_lengths > chunk
    if not split.any():
        return extract_whole(estimate, batch, request)
    waveform, device = torch.zeros_like(batch.mixture), batch.mixture.device
    effort = Effort()
    whole = (~split).nonzero()[:, 0]
    if len(whole):
        part = extract_whole(estimate, batch.rows(whole), request.rows(whole))
        waveform[whole] = part.waveform
        effort.add(part)
    num_chunks = len(whole)
    for row in split.nonzero():
        starts = chunk_starts(int(batch.mixture_lengths[row]), chunk, overlap)
        num_chunks += len(starts)

        def crop(group: Tensor, lengths: Tensor) -> tuple[TSEBatch, Request]:
            group, lengths = group.to(device), lengths.to(device)
            copies = torch.zeros_like(group)  # of the one row: views, not copies of an hour of audio
            return (
                batch.rows(row).rows(copies).crop(group, lengths),
                request.rows(row).rows(copies).crop(group, lengths, batch.sample_rate),
            )

        place = 0
        for piece in cross_faded(extracted_chunks(estimate, crop, starts, chunk, effort)):
            waveform[row[0], place : place + len(piece)] = piece
            place += len(piece)
    return Estimate(
        waveform,
        batch.mixture_lengths,
        batch.sample_rate,
        num_function_evaluations=effort.num_function_evaluations,
        diagnostics={**effort.diagnostics, "num_chunks": num_chunks},
    )


def chunk_and_overlap(conf: DecodeConf, sample_rate: int) -> tuple[int, int]:
    """Samples of a chunk, and of what neighbours share."""
    return int(conf.max_chunk_s * sample_rate), int(conf.overlap_s * sample_rate)


def extract_whole(estimate: EstimateFunction, batch: TSEBatch, request: Request) -> Estimate:
    """All rows at once, at their lengths; padding behind the longest is left out, as of rows taken from a batch."""
    num_samples = batch.mixture.size(1)
    batch = replace(batch, mixture=batch.mixture[:, : int(batch.mixture_lengths.max())])
    result = estimate(batch, request)
    waveform = fit_lengths(result.waveform, batch.mixture_lengths, num_samples)
    result.waveform = silent_where_silent(waveform, batch.mixture)
    return result


def extracted_chunks(
    estimate: EstimateFunction,
    crop: Callable[[Tensor, Tensor], tuple[TSEBatch, Request]],
    starts: list[int],
    chunk: int,
    effort: Effort,
) -> Iterator[tuple[int, Tensor]]:
    """Estimates of a recording's chunks, with their first samples.

    Args:
        crop: batch and request of the chunks with these starts and lengths, (G,) int64 each.
        starts: first samples of all chunks.
        chunk: samples of each.
        effort: is added to.
    """
    for first in range(0, len(starts), CHUNKS_AT_ONCE):
        group = torch.tensor(starts[first : first + CHUNKS_AT_ONCE])
        batch, request = crop(group, torch.full_like(group, chunk))
        result = estimate(batch, request)
        effort.add(result)
        waveform = fit_lengths(result.waveform, batch.mixture_lengths, chunk)
        yield from zip(group.tolist(), silent_where_silent(waveform, batch.mixture))


def cross_faded(chunks: Iterable[tuple[int, Tensor]]) -> Iterator[Tensor]:
    """Join chunks of one length, each given by its first sample, into spans that follow each other.

    A chunk is brought to the level of what is before it, for generative decoders have a level of their own
    for every call. Only the last chunk is held.
    """
    last, begin = None, 0
    for start, part in chunks:
        if last is not None:
            shared = begin + len(last) - start
            part = part * gain_between(last, part, shared)
            fade = torch.linspace(0.0, 1.0, shared, device=part.device)
            meeting = last[-shared:] * (1.0 - fade) + part[:shared] * fade
            yield last[:-shared]
            part = torch.cat([meeting, part[shared:]])
        last, begin = part, start
    if last is not None:
        yield last


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


def silent_where_silent(waveform: Tensor, mixture: Tensor) -> Tensor:
    """Estimates (B, N), zeros where all of a mixture's samples are: what is generated from nothing is made up."""
    return waveform.masked_fill((mixture == 0).all(dim=1, keepdim=True), 0.0)


def fit_lengths(waveform: Tensor, lengths: Tensor, num_samples: int) -> Tensor:
    """Trim or zero-pad (B, N') to (B, num_samples), zeros behind each row's length."""
    if waveform.size(1) < num_samples:
        waveform = torch.nn.functional.pad(waveform, (0, num_samples - waveform.size(1)))
    waveform = waveform[:, :num_samples]
    return waveform.masked_fill(padding_mask(lengths, num_samples), 0.0)
