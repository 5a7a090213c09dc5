"""The level at which BiCodec hears a recording."""

import torch
from torch import Tensor

TARGET = 0.2  # mean magnitude of the loud samples
LOUD = (0.9, 0.99)  # quantiles between which samples count as loud
AUDIBLE = 0.01  # smaller magnitudes do not count
FEWEST = 10  # audible samples from which on there is a level
QUIET = 0.1  # a peak below it is raised to it first
LARGEST_GAIN = 10.0


def normalize_volume(signal: Tensor) -> Tensor:
    """(N,) samples -> (N,), none above 1: the rule of the released tokenizer (SparkAudio/Spark-TTS).

    The loud samples are looked for before a quiet signal is raised; doing so behind it gives other tokens.
    """
    magnitudes = signal.abs().sort().values
    peak = float(magnitudes[-1])
    if peak < QUIET:
        signal = signal / max(peak, 1e-3) * QUIET
    audible = magnitudes[magnitudes > AUDIBLE]
    if len(audible) <= FEWEST:
        return signal
    loud = audible[int(LOUD[0] * len(audible)) : int(LOUD[1] * len(audible))]
    gain = min(max(TARGET / float(loud.mean()), 1 / LARGEST_GAIN), LARGEST_GAIN)
    signal = signal * gain
    return signal / torch.clamp(signal.abs().max(), min=1.0)
