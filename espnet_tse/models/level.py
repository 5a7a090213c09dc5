"""The level of estimates, which follows that of the mixtures."""

import math
from typing import Sequence

import torch
from torch import Tensor

from espnet_tse.io.signal_level import SignalLevel
from espnet_tse.models.prepared_input import offset_of
from espnet_tse.schema import TSEBatch

LOWEST_DB = -120.0  # told of estimates that are silent


def levels_db(waveform: Tensor, batch: TSEBatch) -> list[float]:
    """Level of each estimate (B, N) against its mixture, dB."""
    return [
        level_db(*(float(torch.linalg.vector_norm(signal, dtype=torch.float64)) for signal in pair))
        for pair in zip(waveform, batch.mixture)
    ]


def level_db(norm: float, norm_of_mixture: float) -> float:
    """Of Euclidean norms; dB, from ``LOWEST_DB`` on, which is that of a silent mixture too."""
    if norm_of_mixture == 0 or norm <= norm_of_mixture * 10 ** (LOWEST_DB / 20):
        return LOWEST_DB
    return 20 * math.log10(norm / norm_of_mixture)


def restore_level(waveform: Tensor, batch: TSEBatch, level: str) -> Tensor:
    """Scale each row to the RMS or peak of its mixture; a silent row stays silent.

    Args:
        waveform: (B, N) estimates, which are changed in place.
        level: ``mixture_rms``, ``mixture_peak`` or ``none``.
    """
    if level == "none":
        return waveform
    # A row each, so that an hour of audio is not copied.
    for row, length in enumerate(batch.mixture_lengths.tolist()):
        # In float64: sums of millions of squares lose half a percent in float32.
        norms, peaks = [
            [
                float(torch.linalg.vector_norm(signal, order, dtype=torch.float64))
                for signal in (waveform[row], batch.mixture[row, :length])
            ]
            for order in (2, torch.inf)
        ]
        waveform[row] *= level_gain(norms, peaks, level)
    return waveform


def level_gain(norms: Sequence[float], peaks: Sequence[float], level: str) -> float:
    """Factor that brings an estimate to the level of its mixture, or as near as [-1, 1] allows.

    Mixtures in floats may leave [-1, 1]; their estimates may reach as far as they do.

    Args:
        norms: Euclidean norms of estimate and mixture.
        peaks: their largest absolute samples.
        level: ``mixture_rms``, ``mixture_peak`` or ``none``.
    """
    if level == "none" or norms[0] == 0:
        return 1.0
    given, wanted = norms if level == "mixture_rms" else peaks
    # What cannot be stored without clipping is turned down as a whole.
    return min(wanted / given, max(1.0, peaks[1]) / peaks[0])


def restoring_gain(estimate: SignalLevel, mixture: SignalLevel, level: str) -> float:
    """As ``level_gain``, of signals of one rate; a constant offset of the mixture does not count."""
    offset = offset_of(mixture.mean, mixture.std)
    return level_gain((estimate.norm(), mixture.norm(offset)), (estimate.peak(), mixture.peak(offset)), level)
