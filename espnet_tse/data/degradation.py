"""What happens to a mixture behind the microphone: band limits, clipping, lost packets, lossy codecs.

Ranges are those of UniSE's released configuration (arXiv:2510.20441); its shares stand in ``unise_*.yaml``.
"""

import io
from dataclasses import dataclass
from typing import Callable

import numpy as np

from espnet_tse.io.audio import resample

BAND_RATES = (4000, 8000, 16000)  # Hz; what is sampled at the signal's own rate is not limited
CLIPPED_TAIL = 0.1  # largest share of the samples that is clipped on each side
PAUSE_DB = 40.0  # below the loudest packet; what is quieter than that is a pause
PACKET_S = 0.02
LOST_SHARES = (0.05, 0.25)
LONGEST_RUN = 9  # packets lost in a row
LOSSY_QUALITIES = (0.0, 0.6)  # libsndfile's compression level is 1 less this


@dataclass(frozen=True)
class DegradationConf:
    """Shares of the mixtures that meet each of them, independently and in a random order."""

    bandwidth: float = 0.0
    clipping: float = 0.0
    packet_loss: float = 0.0
    lossy_codec: float = 0.0  # Ogg Vorbis

    def __bool__(self) -> bool:
        return any(vars(self).values())


def degraded(
    signal: np.ndarray, sample_rate: int, conf: DegradationConf, generator: np.random.Generator
) -> np.ndarray:
    """(N,) float32 of the same length and time; the draws are the same whatever the signal is."""
    kinds: dict[str, Callable] = {
        "bandwidth": limit_band,
        "clipping": clip,
        "packet_loss": lose_packets,
        "lossy_codec": code_lossily,
    }
    drawn = generator.random(len(kinds))
    order = generator.permutation(len(kinds))
    names = list(kinds)
    for place in order:
        name = names[int(place)]
        if drawn[int(place)] < getattr(conf, name):
            signal = kinds[name](signal, sample_rate, generator)
    return signal.astype(np.float32, copy=False)


def limit_band(signal: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Down to one of ``BAND_RATES`` and back."""
    rate = int(BAND_RATES[int(generator.integers(len(BAND_RATES)))])
    if rate >= sample_rate:
        return signal
    return resample(resample(signal, sample_rate, rate), rate, sample_rate)[: len(signal)]


def clip(signal: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Cut what lies beyond a low and a high quantile of the samples that are not in a pause.

    Of all samples they would be those of the pauses where these are most of the signal, and nothing would be left of it.
    """
    low, high = generator.uniform(0.0, CLIPPED_TAIL), generator.uniform(1.0 - CLIPPED_TAIL, 1.0)
    starts = np.arange(0, len(signal), max(1, round(PACKET_S * sample_rate)))
    peaks = np.maximum.reduceat(np.abs(signal), starts)
    heard = np.repeat(peaks >= peaks.max() * 10 ** (-PAUSE_DB / 20), np.diff(starts, append=len(signal)))
    return np.clip(signal, *np.quantile(signal[heard], [low, high]))


def lose_packets(signal: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Zeros in a share of the packets of 20 ms, in runs of at most ``LONGEST_RUN``; the share is met exactly."""
    size = max(1, round(PACKET_S * sample_rate))
    number = -(-len(signal) // size)
    lost = np.zeros(number, dtype=bool)
    wanted = round(generator.uniform(*LOST_SHARES) * number)
    signal = signal.copy()
    for start in generator.permutation(number):
        run = min(int(generator.integers(1, LONGEST_RUN + 1)), wanted - int(lost.sum()), number - int(start))
        if run < 1:
            if lost.sum() >= wanted:
                break
            continue
        candidate = lost.copy()
        candidate[start : start + run] = True
        if longest_run(candidate) <= LONGEST_RUN and candidate.sum() <= wanted:
            lost = candidate
    for place in np.flatnonzero(lost):
        signal[place * size : (place + 1) * size] = 0.0
    return signal


def longest_run(flags: np.ndarray) -> int:
    """Most True values in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def code_lossily(signal: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Through Ogg Vorbis at a low rate, which keeps length and time."""
    import soundfile

    quality = generator.uniform(*LOSSY_QUALITIES)
    peak = float(np.abs(signal).max(initial=0.0))
    if peak == 0.0 or len(signal) < 2:
        return signal
    file = io.BytesIO()
    form = {"format": "OGG", "subtype": "VORBIS", "compression_level": 1.0 - quality}
    with soundfile.SoundFile(file, "w", sample_rate, 1, **form) as encoder:
        for start in range(
            0, len(signal), sample_rate
        ):  # the encoder's memory grows with what it is given at once
            encoder.write(signal[start : start + sample_rate] * (0.9 / peak))
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32")[0] * (peak / 0.9)
    return np.pad(decoded, (0, max(0, len(signal) - len(decoded))))[: len(signal)]
