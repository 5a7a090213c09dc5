"""Best of N: several candidates for each mixture, of which a selector keeps one."""

from dataclasses import replace
from typing import Callable

import torch

from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.schema import Conditions, Estimate, Request, TSEBatch

EstimateFunction = Callable[[TSEBatch, Request], Estimate]


def best_of(
    estimate: EstimateFunction,
    selector: AbsSelector,
    conditions: Callable[[TSEBatch], Conditions | None] = lambda batch: None,
) -> EstimateFunction:
    """``estimate`` with ``conf.candidates`` candidates a row, all in one batch.

    Candidate n of a row draws as a row of its own with the key ``key#n`` would, so N candidates are those of
    N single runs with these keys.

    Args:
        conditions: what all candidates of a row have in common, and which is computed once.
    Returns:
        a function like ``estimate``; its diagnostics hold the ``selector_scores`` of all candidates, B lists
        of N.
    """

    def chosen(batch: TSEBatch, request: Request) -> Estimate:
        size, number = len(request.keys), request.conf.candidates
        rows = torch.arange(size, device=batch.mixture.device).repeat_interleave(number)
        keys = [f"{key}#{n}" for key in request.keys for n in range(number)]
        many, shared = replace(batch.rows(rows), keys=keys), replace(request, conditions=conditions(batch))
        candidates = estimate(many, replace(shared.rows(rows), keys=keys))
        # A candidate with NaN would win, for argmax takes NaN for the largest.
        finite = candidates.waveform.isfinite().all(dim=1)
        scores = selector.scores(candidates, many).nan_to_num(nan=-torch.inf).masked_fill(~finite, -torch.inf)
        scores = scores.view(size, number)
        best = scores.argmax(dim=1) + torch.arange(size, device=scores.device) * number
        kept = candidates.rows(best)
        return replace(kept, diagnostics={**kept.diagnostics, "selector_scores": scores.tolist()})

    return chosen
