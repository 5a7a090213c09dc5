"""Extraction from a recording that is heard at several speeds.

At another speed a network hears another voice, of which it makes partly other errors: the mean of what it extracts is
nearer to the target.
"""

from fractions import Fraction
from typing import Sequence

import torch
from torch import Tensor
from torchaudio.functional import resample

from espnet_tse.models.best_of import EstimateFunction
from espnet_tse.models.long_form import fit_lengths
from espnet_tse.schema import Estimate, Request, TSEBatch

SLOWEST, FASTEST, STEPS = 0.5, 2.0, 100  # whole hundredths: resampling filters stay short


def faults_of_speeds(speeds: Sequence[float] | None) -> list[str]:
    """What is wrong with them; None stands for one pass at the recording's own speed."""
    if speeds is None:
        return []
    in_range = speeds and all(SLOWEST <= speed <= FASTEST for speed in speeds)
    if in_range and len(set(speeds)) == len(speeds) and all(float(ratio(one)) == one for one in speeds):
        return []
    return [
        f"speeds {list(speeds)} want to be different factors from {SLOWEST} to {FASTEST} of two decimals, as [1.0, 0.94, 1.06]"
    ]


def at_speeds(estimate: EstimateFunction, speeds: Sequence[float]) -> EstimateFunction:
    """The mean of estimates of mixture and enrollment at each speed, brought back to the speed of the mixture.

    Args:
        estimate: of a system that keeps to the mixture's samples and draws nothing.
        speeds: factors; 1.06 is faster and higher, as in Kaldi's speed perturbation.
    """

    def mean_estimate(batch: TSEBatch, request: Request) -> Estimate:
        passes = [estimate(heard_at(batch, ratio(speed)), request) for speed in speeds]
        waveforms = [
            fit_lengths(changed(one.waveform, 1 / ratio(speed)), batch.mixture_lengths, batch.mixture.size(1))
            for one, speed in zip(passes, speeds)
        ]
        return Estimate(
            torch.stack(waveforms).mean(dim=0),
            batch.mixture_lengths,
            batch.sample_rate,
            num_function_evaluations=sum(one.num_function_evaluations for one in passes),
        )

    return mean_estimate


def ratio(speed: float) -> Fraction:
    return Fraction(speed).limit_denominator(STEPS)


def heard_at(batch: TSEBatch, speed: Fraction) -> TSEBatch:
    """Mixtures and enrollments at another speed; nothing else of the batch."""
    mixture, lengths = changed_rows(batch.mixture, batch.mixture_lengths, speed)
    enrollment, enrollment_lengths = changed_rows(batch.enrollment, batch.enrollment_lengths, speed)
    return TSEBatch(
        mixture,
        lengths,
        enrollment,
        enrollment_lengths,
        sample_rate=batch.sample_rate,
        keys=batch.keys,
        speaker_embedding=batch.speaker_embedding,
    )


def changed_rows(signal: Tensor, lengths: Tensor, speed: Fraction) -> tuple[Tensor, Tensor]:
    """(B, N) and (B,) at another speed; zeros behind a row's length."""
    lengths = -(-lengths * speed.denominator // speed.numerator)  # rounded up, as resampling does
    return fit_lengths(changed(signal, speed), lengths, int(lengths.max())), lengths


def changed(signal: Tensor, speed: Fraction) -> Tensor:
    """(B, N) -> (B, ceil(N / speed))."""
    return resample(signal, speed.numerator, speed.denominator)
