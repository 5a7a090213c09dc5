"""A corrector behind a system."""

from dataclasses import replace

from espnet_tse.models.abs_corrector import AbsCorrector
from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.models.level import restore_level
from espnet_tse.models.long_form import fit_lengths
from espnet_tse.schema import Estimate, Request, TSEBatch


def corrected(estimate: EstimateFunction, corrector: AbsCorrector) -> EstimateFunction:
    """``estimate``, then the corrector on what it gives; that costs one more evaluation of a network."""

    def both(batch: TSEBatch, request: Request) -> Estimate:
        first = estimate(batch, request)
        waveform = fit_lengths(first.waveform, batch.mixture_lengths, batch.mixture.size(1))
        waveform = corrector.correct(batch, restore_level(waveform, batch, "mixture_rms"), request)
        calls = first.num_function_evaluations + 1
        return replace(first, waveform=waveform, num_function_evaluations=calls)

    return both
