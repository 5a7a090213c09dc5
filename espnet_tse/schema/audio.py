"""Audio files as arrays, one reader and one writer for the package."""

import math
import os
from pathlib import Path

import numpy as np

from espnet_tse.schema.scp import DataError


def read_audio(path: Path | str, sample_rate: int | None = None, channel: int = 0) -> tuple[np.ndarray, int]:
    """Read one channel.

    Args:
        path: a file that libsndfile reads (wav, flac, ogg ...).
        sample_rate: Hz, resampled to it; the file's own rate when None.
        channel: of a multi-channel file.
    Returns:
        (N,) float32, and the rate of the samples in Hz.
    Raises:
        DataError: missing, unreadable, empty, with fewer channels, or with NaN or infinite samples.
    """
    import soundfile

    if not Path(path).is_file():
        raise DataError(f"{path}: no such audio file; mend the path.")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: not readable as audio ({error}); convert it to wav or flac.") from error
    if samples.shape[0] == 0:
        raise DataError(f"{path}: holds no samples; remove it from the scp.")
    if channel >= samples.shape[1]:
        raise DataError(f"{path}: has {samples.shape[1]} channel(s), but channel {channel} was asked for (from 0).")
    signal = samples[:, channel]
    if not np.isfinite(signal).all():
        raise DataError(f"{path}: holds NaN or infinite samples; write it again from its source.")
    wanted = rate if sample_rate is None else sample_rate
    return resample(signal, rate, wanted), wanted


def resample(signal: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Polyphase resampling of (N,) float32 from ``rate`` to ``wanted`` Hz."""
    if rate == wanted:
        return signal
    from scipy.signal import resample_poly

    divisor = math.gcd(rate, wanted)
    return resample_poly(signal, wanted // divisor, rate // divisor).astype(np.float32)


def write_audio(path: Path | str, signal: np.ndarray, sample_rate: int) -> None:
    """Write (N,) float in [-1, 1] as 16-bit PCM, under a temporary name first.

    Args:
        path: its suffix names the format (``.wav``, ``.flac``); its folder is created.
    Raises:
        DataError: samples are not finite or leave [-1, 1].
    """
    import soundfile

    path = Path(path)
    peak = float(np.max(np.abs(signal), initial=0.0))
    if not math.isfinite(peak) or peak > 1.0 + 1e-4:
        raise DataError(f"{path}: samples reach {peak}, which 16-bit audio cannot hold.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        soundfile.write(temporary, signal, sample_rate, subtype="PCM_16")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
