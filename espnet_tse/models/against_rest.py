"""Extraction that weighs the enrolled speaker against whoever else speaks.

What a pass leaves of the mixture is speech, too. With this rest as its enrollment the same system extracts the other
talker, and a part of the spectrum is the enrolled speaker's where the first pass claims it and the second does not.

Source: ours; what else was tried, and the figures, stand in doc/log.md (2026-11-30, 2026-12-01).
"""

from dataclasses import replace

import torch
from torch import Tensor

from espnet_tse.layers.stft import STFT
from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.models.prepared_input import prepared_enrollment
from espnet_tse.schema import Estimate, Request, TSEBatch
from espnet_tse.schema.padding import padding_mask

HOP_S = 0.032  # of the mask, with windows of twice as much
BOTH = 0.7  # of what the first pass claims; where the second claims more of it, it has followed the enrolled speaker, too
TINY = 1e-9


def against_rest(estimate: EstimateFunction) -> EstimateFunction:
    """A mask on the mixture's spectrum, of two passes.

    With E and I the magnitudes of both passes' outputs as shares of the mixture's, the target's weight is E (1 - I), and
    that of the rest (1 - E) times the mean of I and 1 - E: what neither pass claims, as noise, is the rest's. The mask is the
    target's weight over the sum. Rows whose second pass has followed the enrolled speaker, which it does where hardly
    anybody else speaks, keep the first pass's output.

    Args:
        estimate: of a system that keeps to the mixture's samples and level, hears enrollments itself and draws nothing.
    """

    def weighed_estimate(batch: TSEBatch, request: Request) -> Estimate:
        first = estimate(batch, request)
        second = estimate(enrolled_by_rest(batch, first.waveform), request)
        return replace(
            first,
            waveform=weighed(batch, first.waveform, second.waveform),
            num_function_evaluations=first.num_function_evaluations + second.num_function_evaluations,
        )

    return weighed_estimate


def at_mixture_level(estimate: EstimateFunction) -> EstimateFunction:
    """``estimate`` of a system whose outputs have any level and sign: each row times the gain that brings it nearest to the mixture."""

    def fitted_estimate(batch: TSEBatch, request: Request) -> Estimate:
        result = estimate(batch, request)
        common = (batch.mixture * result.waveform).sum(dim=1, keepdim=True)
        return replace(
            result,
            waveform=result.waveform * common / (result.waveform.square().sum(dim=1, keepdim=True) + TINY),
        )

    return fitted_estimate


def enrolled_by_rest(batch: TSEBatch, waveform: Tensor) -> TSEBatch:
    """The batch with what estimates (B, N) leave of the mixtures as enrollments."""
    rest = (batch.mixture - waveform).masked_fill(padding_mask(batch.mixture_lengths, waveform.size(1)), 0.0)
    enrollment, lengths = prepared_enrollment(rest, batch.mixture_lengths, batch.sample_rate)
    return replace(batch, enrollment=enrollment, enrollment_lengths=lengths)


def weighed(batch: TSEBatch, target: Tensor, other: Tensor) -> Tensor:
    """(B, N) mixtures under the mask of both passes' outputs (B, N), or the first's output."""
    hop = round(HOP_S * batch.sample_rate)
    stft = STFT(2 * hop, hop).to(batch.mixture.device)
    spectrum = stft.analyze(batch.mixture)
    whole = magnitudes(spectrum)
    first, second = (
        (magnitudes(stft.analyze(one)) / (whole + TINY)).clamp(max=1.0) for one in (target, other)
    )
    kept = first * (1 - second)
    left = (1 - first) * (1 - first + second) / 2
    mask = kept / (kept + left + TINY)
    waveform = stft.synthesize(spectrum * mask[..., None], target.size(1))
    waveform = waveform.masked_fill(padding_mask(batch.mixture_lengths, target.size(1)), 0.0)
    claimed = whole.square() * first
    shared = (claimed * second).sum(dim=(1, 2)) / (claimed.sum(dim=(1, 2)) + TINY)
    return torch.where((shared > BOTH)[:, None], target, waveform)


def magnitudes(spectrum: Tensor) -> Tensor:
    """(B, T, F, 2) -> (B, T, F)."""
    return spectrum.square().sum(dim=-1).sqrt()
