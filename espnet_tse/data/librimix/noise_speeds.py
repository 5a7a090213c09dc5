"""WHAM!'s training noise at 0.8 and 1.2 times its speed, which LibriMix's train-360 needs: made by SoX, as LibriMix does.

Source: ``scripts/augment_train_noise.py`` of github.com/JorisCos/LibriMix, commit 0ce3e58f, and the command of pysndfx 0.3.6
that it leads to. SoX is a program of the system's, not a part of this package.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import numpy as np

from espnet_tse.data.librimix.metadata import MixtureSpec
from espnet_tse.io.audio_entry import AudioError, read_entry
from espnet_tse.io.scp import DataError

SPEEDS = {"sp08": "0.8", "sp12": "1.2"}
CHANGED = re.compile(r"(.*)(sp08|sp12)(\.wav)")
# pysndfx tells SoX this rate whatever the file's is; only the ratio matters, but filters are chosen by the rate.
NOMINAL_RATE = 44100


def missing_noises(specs: list[MixtureSpec], wham_noise: Path) -> list[str]:
    """Noises of the metadata that the folder lacks, each once, in the metadata's order."""
    names = dict.fromkeys(spec.noise.path for spec in specs if spec.noise is not None)
    return [name for name in names if not (wham_noise / name).is_file()]


def source_of(name: str) -> tuple[str, str] | None:
    """The published noise and the speed that a name is made from; None for a published one."""
    found = CHANGED.fullmatch(PurePosixPath(name).name)
    if found is None:
        return None
    return str(PurePosixPath(name).with_name(found[1] + found[3])), SPEEDS[found[2]]


def require_noises(specs: list[MixtureSpec], wham_noise: Path | None) -> list[str]:
    """Noises that are still to be made.

    Raises:
        DataError: no folder was named, the metadata has no noise, published ones are missing, or SoX where it
            is needed.
    """
    if wham_noise is None:
        raise DataError("mixtures with noise take WHAM!'s; name its folder by --wham_noise (WHAM_NOISE).")
    if any(spec.noise is None for spec in specs):
        raise DataError("the metadata names no noise, so that its mixtures are of kind clean only.")
    missing = missing_noises(specs, wham_noise)
    lost = [
        name for name in missing if source_of(name) is None or not (wham_noise / source_of(name)[0]).is_file()
    ]
    if lost:
        raise DataError(
            f"{wham_noise}: lacks {len(lost)} noises that the metadata names, first '{lost[0]}'; WHAM_NOISE names the "
            "folder wham_noise of WHAM!'s noise (wham.whisper.ai), with tr, cv and tt."
        )
    if missing and shutil.which("sox") is None:
        raise DataError(
            f"{wham_noise}: lacks {len(missing)} noises at other speeds, first '{missing[0]}', which LibriMix makes by "
            "SoX; install the program sox (apt-get install sox), or copy the files of a LibriMix that was made before."
        )
    return missing


def make_noise(wham_noise: Path, name: str) -> None:
    """One noise at another speed: the first channel, through SoX's ``speed``, as 16-bit WAV beside the published one.

    Raises:
        DataError: the published one cannot be read, or SoX fails.
    """
    import soundfile

    source, speed = source_of(name)
    try:
        samples, rate = read_entry(str(wham_noise / source), "float64")
    except AudioError as error:
        raise DataError(f"noise: {error}") from None
    raw = ["-t", "f64", "-r", str(NOMINAL_RATE), "-c", "1", "-"]
    ended = subprocess.run(
        ["sox", "-N", "-V1", *raw, *raw, "speed", speed], input=samples[:, 0].tobytes(), capture_output=True
    )
    if ended.returncode or not ended.stdout:
        raise DataError(f"{wham_noise / source}: sox failed: {ended.stderr.decode(errors='replace').strip()}")
    path = wham_noise / name
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        soundfile.write(temporary, np.frombuffer(ended.stdout), rate, format="WAV", subtype="PCM_16")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
