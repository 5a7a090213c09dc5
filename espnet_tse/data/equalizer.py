"""Other microphones: a signal's spectrum raised and lowered smoothly."""

import numpy as np

BANDS = 8  # gains drawn, equally spaced in octaves
LOWEST_HZ = 100.0


def equalized(
    signal: np.ndarray, sample_rate: int, largest_db: float, generator: np.random.Generator
) -> np.ndarray:
    """The signal with a gain of at most ``largest_db`` up or down that varies smoothly over frequency, at its own level.

    Gains are drawn uniformly at ``BANDS`` frequencies from 100 Hz to half the sample rate and run linearly in between, over
    the logarithm of the frequency. No delay: the phases stay.

    Args:
        signal: (N,).
        sample_rate: Hz.
        largest_db: 0 or more.
    Returns:
        (N,), of the type of ``signal``.
    """
    gains_db = generator.uniform(-largest_db, largest_db, BANDS)
    centres = np.geomspace(LOWEST_HZ, sample_rate / 2, BANDS)
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(len(signal), 1 / sample_rate).clip(LOWEST_HZ)
    shaped = np.fft.irfft(
        spectrum * 10 ** (np.interp(np.log(frequencies), np.log(centres), gains_db) / 20), len(signal)
    )
    before, after = float(np.dot(signal, signal)), float(np.dot(shaped, shaped))
    return (shaped * np.sqrt(before / after) if after else shaped).astype(signal.dtype)
