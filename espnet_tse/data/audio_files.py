"""Reading plain audio files: headers and spans, with errors that name the key."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_tse.io.audio import missing_bytes
from espnet_tse.io.scp import DataError

INT16_SCALE = np.float32(1 / 32768)  # libsndfile's own: int16 / 2^15 is exact in float32


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says."""

    num_samples: int  # samples a channel
    sample_rate: int  # Hz
    num_channels: int
    subtype: str  # libsndfile's name of the sample format, e.g. PCM_16


def refuse_missing(path: Path | str, key: str) -> None:
    """Raise DataError where there is no file; libsndfile calls that a "System error"."""
    if Path(path).exists():
        return
    start = "" if Path(path).is_absolute() else f"; relative paths start at the current folder, {Path.cwd()}"
    raise DataError(f"{key}: '{path}': no such file{start}; fix its line, or drop the key.")


def read_info(path: Path | str, key: str) -> AudioInfo:
    """Read a header.

    Raises:
        DataError: no such file, none that libsndfile can open, or one that is cut short; names ``key`` and
            ``path``.
    """
    import soundfile

    refuse_missing(path, key)
    try:
        info = soundfile.info(str(path))
        lacking = missing_bytes(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(
            f"{key}: '{path}' cannot be opened as audio ({error}); fix its line, or drop the key."
        ) from None
    if lacking:
        raise DataError(f"{key}: '{path}' is cut short, {lacking} bytes are missing; make or fetch it again.")
    return AudioInfo(info.frames, info.samplerate, info.channels, info.subtype)


def read_samples(
    path: Path | str,
    key: str,
    sample_rate: int,
    start: int = 0,
    num_samples: int = -1,
    dtype: str = "float32",
) -> np.ndarray:
    """Read a span of a mono file at a known rate.

    Args:
        start: first sample.
        num_samples: samples to read, -1 for all that follow.
        dtype: ``float32`` (full scale is 1) or ``int16``.
    Returns:
        (num_samples,) samples.
    Raises:
        DataError: missing, unreadable, another rate, several channels, or shorter than the span.
    """
    import soundfile

    refuse_missing(path, key)
    try:
        with soundfile.SoundFile(str(path)) as file:
            if file.samplerate != sample_rate or file.channels != 1:
                raise DataError(
                    f"{key}: '{path}' has {file.channels} channel(s) at {file.samplerate} Hz, but mono at "
                    f"{sample_rate} Hz is wanted; run stage 2 (format_data)."
                )
            file.seek(start)
            samples = file.read(num_samples, dtype=dtype)
            cut_short = num_samples < 0 and len(samples) < file.frames - start
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise DataError(f"{key}: '{path}' cannot be read ({error}); make or fetch it again.") from None
    if cut_short:
        raise DataError(f"{key}: '{path}' is cut short; make or fetch it again.")
    if num_samples >= 0 and len(samples) != num_samples:
        raise DataError(
            f"{key}: '{path}' ends before sample {start + num_samples}; utt2num_samples is out of date, "
            "run stage 2 (format_data) again."
        )
    return samples
