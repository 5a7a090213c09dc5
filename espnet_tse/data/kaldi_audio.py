"""Audio as Kaldi lists name it: files, ark entries and command pipes."""

import io
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np

from espnet_tse.data.audio_files import refuse_missing
from espnet_tse.io.audio import missing_bytes, refuse_pickle
from espnet_tse.io.scp import DataError


def is_plain_file(entry: str) -> bool:
    """Whether an scp value is a file's path, and neither a pipe nor ``file.ark:offset``."""
    return not entry.endswith("|") and (re.search(r":\d+$", entry) is None or Path(entry).exists())


def read_entry(entry: str, key: str) -> tuple[np.ndarray, int]:
    """Read whatever an scp line may name.

    Args:
        entry: path, ``file.ark:offset`` or ``command |`` (several commands may be piped).
        key: of the line, for errors.
    Returns:
        (N, C) float64 samples, full scale 1, and the sample rate in Hz.
    Raises:
        DataError: missing, unreadable, cut short, a failing command, or NaN or infinite samples; names the
            key.
    """
    import soundfile

    if entry.endswith("|"):
        source = io.BytesIO(_run_pipe(entry[:-1], key))
    elif is_plain_file(entry):
        refuse_missing(entry, key)
        source = entry
    else:
        samples, rate = _read_ark(entry, key)
        return _finite(samples, key, entry), rate
    try:
        with soundfile.SoundFile(source) as file:
            samples, rate = file.read(dtype="float64", always_2d=True), file.samplerate
            cut_short = len(samples) < file.frames or (source is entry and missing_bytes(entry))
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise DataError(
            f"{key}: '{entry}' cannot be read ({error}); fix its line, or drop the key."
        ) from None
    if cut_short:
        raise DataError(f"{key}: '{entry}' is cut short; make or fetch it again, or drop the key.")
    return _finite(samples, key, entry), rate


def _finite(samples: np.ndarray, key: str, entry: str) -> np.ndarray:
    if not np.isfinite(samples).all():
        raise DataError(f"{key}: '{entry}' holds NaN or infinite samples; make it again, or drop the key.")
    return samples


def _run_pipe(commands: str, key: str) -> bytes:
    """Run ``a | b`` without a shell, so that nothing in a list is expanded or interpreted."""
    data: bytes | None = None
    lexer = shlex.shlex(commands, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    stages: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            stages.append([])
        else:
            stages[-1].append(word)
    for stage in stages:
        if not stage:
            raise DataError(f"{key}: '{commands}|' has an empty command; fix its line.")
        try:
            result = subprocess.run(stage, input=data, capture_output=True, check=True)
        except FileNotFoundError:
            raise DataError(
                f"{key}: command '{stage[0]}' is not installed; it is wanted by '{commands}|'."
            ) from None
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode("utf-8", "replace").strip()[-300:]
            raise DataError(
                f"{key}: '{shlex.join(stage)}' ended with code {error.returncode}: {reason}"
            ) from None
        data = result.stdout
    return data or b""


def _read_ark(entry: str, key: str) -> tuple[np.ndarray, int]:
    import kaldiio

    refuse_missing(entry.rpartition(":")[0], key)
    try:
        refuse_pickle(entry)
        first, second = kaldiio.load_mat(entry)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise DataError(f"{key}: '{entry}' cannot be read as an ark entry ({error}); fix its line.") from None
    rate, samples = (first, second) if np.isscalar(first) else (second, first)
    scale = 2.0**15 if samples.dtype == np.int16 else 1.0
    samples = samples.astype(np.float64) / scale
    return samples.reshape(len(samples), -1), int(rate)
