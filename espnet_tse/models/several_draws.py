"""Several estimates of each mixture, drawn in one batch."""

from dataclasses import replace
from typing import Callable

import torch

from espnet_tse.schema import Conditions, Estimate, Request, TSEBatch

EstimateFunction = Callable[[TSEBatch, Request], Estimate]


def several_draws(
    estimate: EstimateFunction, batch: TSEBatch, request: Request, number: int, conditions: Conditions | None
) -> tuple[Estimate, TSEBatch]:
    """``number`` estimates of each row, one after the other, and the batch they are of.

    Draw n of a row draws as a row of its own with the key ``key#n`` would, so N draws are those of N single runs with
    these keys.

    Args:
        conditions: what all draws of a row have in common.
    """
    rows = torch.arange(len(request.keys), device=batch.mixture.device).repeat_interleave(number)
    keys = [f"{key}#{n}" for key in request.keys for n in range(number)]
    many, shared = replace(batch.rows(rows), keys=keys), replace(request, conditions=conditions)
    return estimate(many, replace(shared.rows(rows), keys=keys)), many


def ensemble(
    estimate: EstimateFunction, batch: TSEBatch, request: Request, number: int, conditions: Conditions | None
) -> Estimate:
    """The mean of the waveforms of ``number`` draws; none of them is kept. Arguments as of ``several_draws``."""
    drawn, _ = several_draws(estimate, batch, request, number, conditions)
    return Estimate(
        drawn.waveform.unflatten(0, (-1, number)).mean(dim=1),
        batch.mixture_lengths,
        drawn.sample_rate,
        num_function_evaluations=number * drawn.num_function_evaluations,
    )
