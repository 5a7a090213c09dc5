"""Best of N: several candidates for each mixture, of which a selector keeps one."""

from dataclasses import replace
from typing import Callable

import torch

from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.several_draws import EstimateFunction, several_draws
from espnet_tse.schema import Conditions, Estimate, Request, TSEBatch


def best_of(
    estimate: EstimateFunction,
    selector: AbsSelector,
    conditions: Callable[[TSEBatch], Conditions | None] = lambda batch: None,
) -> EstimateFunction:
    """``estimate`` with ``conf.candidates`` candidates a row, all in one batch, as of ``several_draws``.

    Args:
        conditions: what all candidates of a row have in common, and which is computed once.
    Returns:
        a function like ``estimate``; its diagnostics hold the ``selector_scores`` of all candidates, B lists
        of N.
    """

    def chosen(batch: TSEBatch, request: Request) -> Estimate:
        size, number = len(request.keys), request.conf.candidates
        candidates, many = several_draws(estimate, batch, request, number, conditions(batch))
        # A candidate with NaN would win, for argmax takes NaN for the largest.
        scores = selector.scores(candidates, many).view(size, number).nan_to_num(nan=-torch.inf)
        best = scores.argmax(dim=1) + torch.arange(size, device=scores.device) * number
        kept = candidates.rows(best)
        return replace(kept, diagnostics={**kept.diagnostics, "selector_scores": scores.tolist()})

    return chosen
