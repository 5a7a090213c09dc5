"""Audio files as arrays, one reader and one writer for the package."""

import io
import math
from pathlib import Path

import numpy as np

from espnet_tse.io.audio_entry import BLOCK, AudioError, read_entry, refuse_not_finite
from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError


def read_audio(path: Path | str, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a mono file.

    Args:
        path: a file that libsndfile reads (wav, flac, ogg ...), or ``file.ark:offset``.
        sample_rate: Hz, resampled to it; the file's own rate when None.
    Returns:
        (N,) float32, and the rate of the samples in Hz.
    Raises:
        AudioError: as ``read_entry``, or empty, of several channels, or with NaN or infinite samples.
    """
    samples, rate = read_entry(str(path), "float32")
    if samples.shape[0] == 0:
        raise AudioError(f"'{path}' holds no samples; take another recording, or drop its line.")
    if samples.shape[1] != 1:
        raise AudioError(
            f"'{path}' has {samples.shape[1]} channels, one is wanted; write the right one to a file of its "
            "own, or, in a recipe, run stage 2 (format_data), which picks one."
        )
    refuse_not_finite(samples, str(path))
    wanted = rate if sample_rate is None else sample_rate
    return resample(samples[:, 0], rate, wanted), wanted


def resample(signal: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Polyphase FIR with scipy's default Kaiser window: the one resampler of data, extraction and scoring.

    Measured: the resampler alone moves SI-SDR of a round trip between 36 and 40 dB and P808 by 0.15, so
    mixing resamplers would show in the results.

    Args:
        signal: (N, ...) float, resampled along the first axis.
        rate: Hz, of ``signal``.
        wanted: Hz, of the result.
    Returns:
        (ceil(N * wanted / rate), ...) in the precision of ``signal``.
    """
    if rate == wanted:
        return signal
    from scipy.signal import resample_poly

    divisor = math.gcd(rate, wanted)
    return resample_poly(signal, wanted // divisor, rate // divisor)


def write_audio(path: Path | str, signal: np.ndarray, sample_rate: int, as_float: bool = False) -> None:
    """Write (N,) float as 16-bit PCM, under a temporary name first.

    Args:
        path: its suffix names the format (``.wav``, ``.flac``); its folder is created.
        signal: in [-1, 1]; as float in WAV anything finite.
        as_float: more than 16 bits, for what is quieter or louder than those hold: 32-bit float in WAV, 24
            bits in FLAC.
    Raises:
        DataError: samples are not finite or leave [-1, 1].
        OSError: the folder cannot be written or the disk is full.
    """
    import soundfile

    path = Path(path)
    kind = path.suffix[1:].upper()
    peak = max(float(signal.max()), -float(signal.min())) if len(signal) else 0.0
    unbounded = as_float and kind == "WAV"
    if not math.isfinite(peak) or (peak > 1.0 + 1e-4 and not unbounded):
        raise DataError(f"{path}: samples reach {peak}, which integer samples cannot hold.")
    subtype = "FLOAT" if unbounded else "PCM_24" if as_float else "PCM_16"
    # Encoded in memory: libsndfile does not tell a full disk from a whole file.
    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", sample_rate, 1, subtype, format=kind) as file:
        for start in range(0, len(signal), BLOCK):  # an hour is not copied as a whole
            block = signal[start : start + BLOCK]
            file.write(block if as_float else rounded(block))
    with atomic_write(path, "wb") as file:
        file.write(encoded.getbuffer())


def rounded(signal: np.ndarray) -> np.ndarray:
    """int16 of floats in [-1, 1]; libsndfile rounds in FLAC, floors in WAV: half a step lower on average."""
    return np.rint(np.asarray(signal, np.float64) * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
