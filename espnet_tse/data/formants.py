"""Formants at other frequencies, pitch and time kept: the voice of a longer or shorter vocal tract."""

import numpy as np

WINDOW_S = 0.064
ENVELOPE_S = 0.003  # quefrencies above belong to the harmonics of voices up to 330 Hz
FLOOR = 1e-5  # of magnitudes; what is silent stays so
HIGHEST_GAIN = 30.0  # dB; between formants of clean recordings it would raise noise


def move_formants(signal: np.ndarray, sample_rate: int, factor: float) -> np.ndarray:
    """Stretch the spectral envelope along frequency.

    The envelope is the cepstrum below ``ENVELOPE_S``; each frame is filtered by its stretched envelope over
    its own. With changes of speed, which move pitch and formants together, it makes many voices of one: new
    speakers for sets that have few. The idea is vocal tract length perturbation (Jaitly and Hinton, 2013),
    applied to the waveform.

    Args:
        signal: (N,).
        sample_rate: Hz.
        factor: of the formant frequencies; above 1 a shorter vocal tract.
    Returns:
        (N,) in the type of ``signal``; its mean power stays.
    """
    from scipy.signal import istft, stft

    size = 2 ** round(np.log2(WINDOW_S * sample_rate))
    options = {"fs": sample_rate, "nperseg": size, "noverlap": size * 3 // 4}
    padded = np.pad(signal, (0, max(0, size - len(signal))))
    _, _, spectrum = stft(padded, **options)  # (F, T)
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + FLOOR), axis=0)
    last = round(ENVELOPE_S * sample_rate)
    lifter = np.zeros(size)
    lifter[:last] = 2.0 * np.interp(np.arange(last), [0.7 * last, last], [1.0, 0.0])
    lifter[0] = 1.0
    envelope = np.fft.rfft(cepstrum * lifter[:, None], axis=0).real
    place = np.minimum(np.arange(len(envelope)) / factor, len(envelope) - 1)
    lower = place.astype(int)
    upper, share = np.minimum(lower + 1, len(envelope) - 1), (place - lower)[:, None]
    gain = envelope[lower] * (1 - share) + envelope[upper] * share - envelope
    spectrum *= np.exp(np.minimum(gain, HIGHEST_GAIN * np.log(10) / 20))
    _, moved = istft(spectrum, **options)
    moved = moved[: len(signal)]
    power = np.square(moved).mean()
    scale = np.sqrt(np.square(signal).mean() / power) if power > 0 else 1.0
    return (moved * scale).astype(signal.dtype)
