"""A corrector behind a system."""

from dataclasses import replace

import torch
from torch import Tensor

from espnet_tse.models.abs_corrector import AbsCorrector
from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.models.level import restore_level
from espnet_tse.models.long_form import fit_lengths
from espnet_tse.schema import Estimate, Request, TSEBatch

TINY = 1e-30


def corrected(estimate: EstimateFunction, corrector: AbsCorrector) -> EstimateFunction:
    """``estimate``, then the corrector on what it gives; that costs one more evaluation of a network.

    With ``level: none`` each row keeps the level of the first estimate: what is all but silent is not turned up.
    """

    def both(batch: TSEBatch, request: Request) -> Estimate:
        first = estimate(batch, request)
        waveform = fit_lengths(first.waveform, batch.mixture_lengths, batch.mixture.size(1))
        norms = row_norms(waveform)
        waveform = corrector.correct(batch, restore_level(waveform, batch, "mixture_rms"), request)
        if request.conf.level == "none":
            waveform = waveform * (norms / row_norms(waveform).clamp_min(TINY)).to(waveform)
        calls = first.num_function_evaluations + 1
        return replace(first, waveform=waveform, num_function_evaluations=calls)

    return both


def row_norms(waveform: Tensor) -> Tensor:
    """(B, N) -> (B, 1), in float64."""
    return torch.linalg.vector_norm(waveform, dim=1, keepdim=True, dtype=torch.float64)
