"""What a set will take on disk, before anything is made."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.data.librimix.generation import expected_length
from espnet_tse.data.librimix.layout import LibriMixSet
from espnet_tse.data.librimix.metadata import MixtureSpec
from espnet_tse.data.librimix.noise_speeds import missing_noises, source_of
from espnet_tse.io.audio_entry import AudioError, read_info
from espnet_tse.io.scp import DataError

HEADER = 44  # bytes of a WAV
BYTES = 2  # of a sample
MOST_HEADERS = 500  # mixtures, or noises, whose sources are looked at
# Mean seconds of a mixture where LibriSpeech is not there to be asked: mean sizes of LibriMix's own
# metadata/Libri2Mix/storage_info.txt by the numbers of mixtures (train), and the published lists with LibriSpeech's
# lengths (dev, test). Of three speakers the shortest is shorter and the longest longer: for the order of magnitude.
MEAN_S = {
    "min": {"train-360": 9.2, "train-100": 9.2, "dev": 5.42, "test": 5.02},
    "max": {"train-360": 15.2, "train-100": 15.0, "dev": 9.12, "test": 8.41},
}


@dataclass(frozen=True)
class Estimate:
    """Of one set."""

    num_mixtures: int
    num_missing: int  # mixtures that lack a file
    mean_s: float
    num_bytes: int  # of what is missing
    sampled: bool  # whether LibriSpeech's own lengths were looked at

    @property
    def hours(self) -> float:
        return self.num_mixtures * self.mean_s / 3600


def estimate(
    target: LibriMixSet, specs: list[MixtureSpec], kinds: tuple[str, ...], librispeech: Path | None
) -> Estimate:
    """Bytes that ``generate`` would write."""
    signals = target.signals(kinds)
    missing = {
        spec.mixture_id: sum(not target.path(signal, spec.mixture_id).is_file() for signal in signals)
        for spec in specs
    }
    mean_s, sampled = mean_duration_s(target, specs, librispeech)
    num_files = sum(missing.values())
    num_bytes = round(num_files * (HEADER + BYTES * mean_s * target.sample_rate))
    return Estimate(len(specs), sum(map(bool, missing.values())), mean_s, num_bytes, sampled)


def mean_duration_s(
    target: LibriMixSet, specs: list[MixtureSpec], librispeech: Path | None
) -> tuple[float, bool]:
    """Of evenly spaced mixtures of the set; the published mean where LibriSpeech cannot be read."""
    step = max(1, len(specs) // MOST_HEADERS)
    try:
        if librispeech is None:
            raise DataError("no LibriSpeech")
        lengths = [expected_length(target, spec, librispeech) for spec in specs[::step]]
    except DataError:
        return MEAN_S[target.mode][target.name], False
    return sum(lengths) / len(lengths) / target.sample_rate, True


def estimate_noises(specs: list[MixtureSpec], wham_noise: Path) -> tuple[int, int]:
    """Noises at other speeds that would be made beside the published ones, and their bytes.

    The bytes are 0 where the folder has none of their sources.
    """
    names = [name for name in missing_noises(specs, wham_noise) if source_of(name)]
    sizes = []
    for name in names[:: max(1, len(names) // MOST_HEADERS)]:
        source, speed = source_of(name)
        try:
            sizes.append(HEADER + BYTES * read_info(str(wham_noise / source)).num_samples / float(speed))
        except AudioError:
            continue  # is not there, which the check of the noises tells
    return len(names), round(len(names) * sum(sizes) / len(sizes)) if sizes else 0


def free_bytes(folder: Path) -> int:
    """Of the file system that ``folder`` lies in, or will."""
    return shutil.disk_usage(_existing(folder)).free


def on_one_disk(first: Path, second: Path) -> bool:
    """Whether two folders share their room."""
    return _existing(first).stat().st_dev == _existing(second).stat().st_dev


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
