"""Audio of a data directory: headers and spans of mono files, with errors that name the key."""

from pathlib import Path

import numpy as np

from espnet_tse.io.audio_entry import AudioError, AudioInfo, read_entry, read_span
from espnet_tse.io.audio_entry import read_info as info_of
from espnet_tse.io.scp import DataError


def read_info(path: Path | str, key: str) -> AudioInfo:
    """Read a header.

    Raises:
        DataError: no such file, none that is audio, or one that is cut short; names ``key`` and ``path``.
    """
    try:
        return info_of(str(path))
    except AudioError as error:
        raise DataError(f"{key}: {error}") from None


def read_samples(
    path: Path | str,
    key: str,
    sample_rate: int,
    start: int = 0,
    num_samples: int = -1,
    dtype: str | None = "float32",
    total: int | None = None,
) -> np.ndarray:
    """Read a span of a mono file at a known rate.

    Args:
        start: first sample.
        num_samples: samples to read, -1 for all that follow.
        dtype: ``float32`` (full scale is 1) or ``int16``; None for what holds all that the file has.
        total: samples of the whole file by ``utt2num_samples``, where a span is read.
    Returns:
        (num_samples,) samples.
    Raises:
        DataError: missing, unreadable, another rate, several channels, or shorter than the span.
    """
    try:
        if num_samples < 0:
            samples, rate = read_entry(str(path), dtype)
            samples = samples[start:]
        else:
            samples, rate = read_span(str(path), start, num_samples, dtype, total)
    except AudioError as error:
        raise DataError(f"{key}: {error}") from None
    if rate != sample_rate or samples.shape[1] != 1:
        raise DataError(
            f"{key}: '{path}' has {samples.shape[1]} channel(s) at {rate} Hz, but mono at {sample_rate} Hz "
            "is wanted; run stage 2 (format_data)."
        )
    if num_samples >= 0 and len(samples) != num_samples:
        raise DataError(
            f"{key}: '{path}' ends before sample {start + num_samples}; utt2num_samples is out of date, "
            "run stage 2 (format_data) with --force true."
        )
    return samples[:, 0]
