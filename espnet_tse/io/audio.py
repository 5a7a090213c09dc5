"""Audio files as arrays, one reader and one writer for the package."""

import io
import math
import os
from pathlib import Path

import numpy as np

from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError

STREAMED = 0x7FFFF000  # RIFF sizes from here on stand for "not known", as writers to a pipe put them


def missing_bytes(path: Path | str) -> int:
    """Bytes that a WAV file lacks by its own header; 0 for whole files and for what is no WAV.

    libsndfile reads what is left of a copy that broke off, and says nothing.
    """
    with open(path, "rb") as file:
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or size >= STREAMED:
            return 0
        lacking = size + 8 - os.fstat(file.fileno()).st_size
    return lacking if lacking > 1 else 0  # some writers count a byte of padding and do not write it


def refuse_pickle(entry: str) -> None:
    """Raise ValueError for an ark entry (``file.ark:offset``) that holds a pickle: kaldiio would execute it."""
    path, _, offset = entry.rpartition(":")
    with open(path, "rb") as file:
        file.seek(int(offset))
        if file.read(3) == b"PKL":
            raise ValueError(f"{entry}: holds a pickle, not audio; write wav into the archive.")


def read_audio(path: Path | str, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a mono file.

    Args:
        path: a file that libsndfile reads (wav, flac, ogg ...).
        sample_rate: Hz, resampled to it; the file's own rate when None.
    Returns:
        (N,) float32, and the rate of the samples in Hz.
    Raises:
        DataError: missing, unreadable, cut short, empty, of several channels, or with NaN or infinite samples.
    """
    import soundfile

    if not Path(path).is_file():
        raise DataError(f"{path}: no such audio file; fix the path.")
    try:
        with soundfile.SoundFile(path) as file:
            rate, num_samples = file.samplerate, file.frames
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: not readable as audio ({error}); convert it to wav or flac.") from error
    if len(samples) < num_samples or missing_bytes(path):
        raise DataError(f"{path}: is cut short; copy or write it again.")
    if samples.shape[0] == 0:
        raise DataError(f"{path}: holds no samples; take another recording, or drop its line.")
    if samples.shape[1] != 1:
        raise DataError(
            f"{path}: has {samples.shape[1]} channels, one is wanted; write the right one to a file of its "
            "own, or, in a recipe, run stage 2 (format_data), which picks one."
        )
    signal = samples[:, 0]
    if not np.isfinite(signal).all():
        raise DataError(f"{path}: holds NaN or infinite samples; write it again from its source.")
    wanted = rate if sample_rate is None else sample_rate
    return resample(signal, rate, wanted), wanted


def resample(signal: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Polyphase FIR with scipy's default Kaiser window: the one resampler of data, extraction and scoring.

    Measured: the resampler alone moves SI-SDR of a round trip between 36 and 40 dB and P808 by 0.15, so mixing
    resamplers would show in the results.

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


def write_audio(path: Path | str, signal: np.ndarray, sample_rate: int) -> None:
    """Write (N,) float in [-1, 1] as 16-bit PCM, under a temporary name first.

    Args:
        path: its suffix names the format (``.wav``, ``.flac``); its folder is created.
    Raises:
        DataError: samples are not finite or leave [-1, 1].
        OSError: the folder cannot be written or the disk is full.
    """
    import soundfile

    path = Path(path)
    peak = float(np.max(np.abs(signal), initial=0.0))
    if not math.isfinite(peak) or peak > 1.0 + 1e-4:
        raise DataError(f"{path}: samples reach {peak}, which 16-bit audio cannot hold.")
    # Encoded in memory: libsndfile does not tell a full disk from a whole file.
    encoded = io.BytesIO()
    soundfile.write(encoded, signal, sample_rate, subtype="PCM_16", format=path.suffix[1:].upper())
    with atomic_write(path, "wb") as file:
        file.write(encoded.getbuffer())
