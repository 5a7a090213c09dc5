"""LibriMix's metadata: which utterances a mixture is made of, at which gain, with which noise."""

import csv
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from espnet_tse.io.scp import DataError, check_file_names, read_list

# Set -> LibriSpeech's subset that it is made of.
SUBSETS = {
    "train-360": "train-clean-360",
    "train-100": "train-clean-100",
    "dev": "dev-clean",
    "test": "test-clean",
}
# Speakers -> set -> mixtures, Table 1 of arXiv:2005.11262.
PUBLISHED_COUNTS = {
    2: {"train-360": 50800, "train-100": 13900, "dev": 3000, "test": 3000},
    3: {"train-360": 33900, "train-100": 9300, "dev": 3000, "test": 3000},
}
WHERE = "github.com/JorisCos/LibriMix, folder metadata/Libri{}Mix (MIT)"


@dataclass(frozen=True)
class Part:
    """A recording of a mixture and the factor that it enters with."""

    path: str  # below the folder of LibriSpeech or of WHAM!'s noise
    gain: float


@dataclass(frozen=True)
class MixtureSpec:
    """A row of the metadata."""

    mixture_id: str  # the utterances' names, joined by "_"
    sources: tuple[Part, ...]
    noise: Part | None  # None: metadata without noise

    @property
    def utterances(self) -> tuple[str, ...]:
        """LibriSpeech's utterance ids, ``<speaker>-<chapter>-<number>``."""
        return tuple(PurePosixPath(source.path).stem for source in self.sources)

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(utterance.split("-")[0] for utterance in self.utterances)


def metadata_path(folder: Path, num_speakers: int, name: str) -> Path:
    """The file of a set, as LibriMix names it."""
    return folder / f"libri{num_speakers}mix_{SUBSETS[name]}.csv"


def read_metadata(
    folder: Path | str, num_speakers: int, name: str, published: bool = True
) -> list[MixtureSpec]:
    """The mixtures of a set, in the file's order.

    Args:
        folder: LibriMix's ``metadata/Libri<num_speakers>Mix``.
        num_speakers: of a mixture.
        name: of ``SUBSETS``.
        published: as many rows are wanted as the published set has.
    Raises:
        DataError: a file or column is missing, a row is no mixture, or rows are missing or new.
    """
    path = metadata_path(Path(folder), num_speakers, name)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; the folder of the metadata holds libri{num_speakers}mix_<subset>.csv, as "
            f"{WHERE.format(num_speakers)} does."
        )
    numbers = range(1, num_speakers + 1)
    columns = ["mixture_ID", *(f"source_{n}_{what}" for n in numbers for what in ("path", "gain"))]
    reader = csv.DictReader(read_list(path).splitlines())
    if not reader.fieldnames:
        raise DataError(f"{path}: is empty; fetch it again from {WHERE.format(num_speakers)}.")
    has_noise = "noise_path" in reader.fieldnames
    if has_noise:
        columns.append("noise_gain")
    missing = [column for column in columns if column not in reader.fieldnames]
    if missing:
        raise DataError(
            f"{path}: lacks the column(s) {', '.join(missing)}; take the file of "
            f"{WHERE.format(num_speakers)} as it is."
        )
    specs = [
        _spec(row, num_speakers, has_noise, f"{path}:{line}", SUBSETS[name])
        for line, row in enumerate(reader, 2)
    ]
    if not specs:
        raise DataError(
            f"{path}: holds no mixture, only the names of its columns; fetch it again from {WHERE.format(num_speakers)}."
        )
    _check_rows(specs, path, PUBLISHED_COUNTS.get(num_speakers, {}).get(name) if published else None)
    return specs


def _spec(row: dict, num_speakers: int, has_noise: bool, where: str, subset: str) -> MixtureSpec:
    sources = tuple(
        _part(row[f"source_{n}_path"], row[f"source_{n}_gain"], where, f"source_{n}")
        for n in range(1, num_speakers + 1)
    )
    noise = _part(row["noise_path"], row["noise_gain"], where, "noise") if has_noise else None
    spec = MixtureSpec(row["mixture_ID"], sources, noise)
    if spec.mixture_id != "_".join(spec.utterances):
        raise DataError(
            f"{where}: mixture_ID '{spec.mixture_id}' is not '{'_'.join(spec.utterances)}', the names of its "
            "sources; the file was changed, take it anew."
        )
    strange = [source.path for source in sources if not source.path.startswith(f"{subset}/")]
    if strange:
        raise DataError(f"{where}: '{strange[0]}' is not of {subset}; the file was changed, take it anew.")
    if len(set(spec.speakers)) < num_speakers:
        raise DataError(
            f"{where}: two sources of '{spec.mixture_id}' are of one speaker; take the file anew."
        )
    return spec


def _part(path: str | None, gain: str | None, where: str, what: str) -> Part:
    """A path that stays below its folder, and a gain; a short row has None."""
    try:
        value = float(gain or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise DataError(
            f"{where}: {what}_gain '{gain}' is no gain; the file was changed or cut, take it anew."
        )
    parts = PurePosixPath(path or "..").parts
    if path.startswith("/") or ".." in parts:
        raise DataError(f"{where}: {what}_path '{path}' leaves its folder; take the file anew.")
    return Part(path, value)


def _check_rows(specs: list[MixtureSpec], path: Path, count: int | None) -> None:
    ids = [spec.mixture_id for spec in specs]
    check_file_names(ids, path)
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise DataError(f"{path}: mixture '{twice}' stands there twice; take the file anew.")
    if count is not None and len(specs) != count:
        raise DataError(
            f"{path}: has {len(specs)} mixtures, the published set {count}; take the file anew, or say --published_metadata "
            "false if the list is your own."
        )
