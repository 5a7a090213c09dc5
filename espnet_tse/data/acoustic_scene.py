"""What lies between a clean talker and a recogniser: stationary noise, a room."""

from typing import Iterable

import numpy as np

from espnet_tse.data.mixing import level, reverberate, scale_to_ratio

SPECTRUM_BINS = 257  # of a long-term spectrum
DECAY_DB = 60.0  # what a reverberation time is the time of


def long_term_spectrum(signals: Iterable[np.ndarray]) -> np.ndarray:
    """Mean power of Hann-windowed frames of all signals, (SPECTRUM_BINS,) from 0 Hz to half the sample rate.

    Pauses lower it as a whole and leave its shape.

    Args:
        signals: (N,) each, at one rate.
    Raises:
        ValueError: all of them are silent.
    """
    length = 2 * (SPECTRUM_BINS - 1)
    window, total, count = np.hanning(length + 1)[:-1], np.zeros(SPECTRUM_BINS), 0
    for signal in signals:
        padded = np.pad(np.asarray(signal, np.float64), (0, max(0, length - len(signal))))
        frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: length // 2]
        total += (np.abs(np.fft.rfft(frames * window)) ** 2).sum(axis=0)
        count += len(frames)
    if not total.any():
        raise ValueError("there is no long-term spectrum: every signal is silent.")
    return total / count


def shaped_noise(spectrum: np.ndarray, num_samples: int, generator: np.random.Generator) -> np.ndarray:
    """Stationary Gaussian noise of a long-term spectrum, (N,) float32, its RMS 1.

    Args:
        spectrum: power at equal steps from 0 Hz to half the sample rate, as ``long_term_spectrum``.
    """
    white = np.fft.rfft(generator.standard_normal(num_samples))
    places = np.linspace(0.0, 1.0, len(white))
    shape = np.sqrt(np.interp(places, np.linspace(0.0, 1.0, len(spectrum)), spectrum))
    noise = np.fft.irfft(white * shape, num_samples)
    return (noise / level(noise, "rms")).astype(np.float32)


def with_noise(signal: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """The signal at its own level in noise, (N,) float32.

    Args:
        signal, noise: (N,) each.
        snr_db: ratio of their powers over the whole length, pauses included.
    Raises:
        ValueError: one of them is silent, so that they have no ratio.
    """
    for name, part in (("signal", signal), ("noise", noise)):
        if not np.any(part):
            raise ValueError(f"the {name} is silent: no signal-to-noise ratio exists.")
    return (signal + scale_to_ratio(signal, noise, snr_db, "rms")).astype(np.float32)


def decaying_response(sample_rate: int, rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Impulse response of a room in the simplest form: a direct path, then white noise that decays.

    Direct path and tail have half of the energy each, which is 1 in all.

    Args:
        rt60_s: seconds in which the tail falls by 60 dB, where it ends.
    Returns:
        (M,) float64; the direct path is its first sample.
    """
    times = np.arange(1, max(2, round(rt60_s * sample_rate))) / sample_rate
    tail = generator.standard_normal(len(times)) * 10 ** (-DECAY_DB / 20 * times / rt60_s)
    response = np.concatenate([[1.0], tail / np.linalg.norm(tail)])
    return response / np.linalg.norm(response)


def in_room(signal: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The signal through a room at its own level, aligned to the direct path and cut to its length, (N,) float32.

    Args:
        signal: (N,).
        response: (M,), whose strongest tap is the direct path.
    Raises:
        ValueError: one of them is silent.
    """
    for name, part in (("signal", signal), ("impulse response", response)):
        if not np.any(part):
            raise ValueError(f"the {name} is silent.")
    wet = reverberate(np.asarray(signal, np.float64), response)
    return (wet * (level(signal, "rms") / level(wet, "rms"))).astype(np.float32)
