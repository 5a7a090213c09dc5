"""The mixtures of a set: the files that are there, checked against each other and against the list of the corpus."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from espnet_tse.data.wsj0 import speaker_of
from espnet_tse.data.wsj0_mix.layout import PUBLISHED_COUNTS, TITLES, Wsj0MixSet, sources_of
from espnet_tse.io.audio_entry import AudioError, read_info
from espnet_tse.io.scp import DataError, read_list
from espnet_tse.io.visible_files import visible_files

# <utterance>_<its level in dB>_<utterance>_<its level in dB>
NAME = re.compile(r"([0-9a-z]{8})_(-?[0-9.]+(?:e-?[0-9]+)?)_([0-9a-z]{8})_(-?[0-9.]+(?:e-?[0-9]+)?)")
LIST_NAMES = {
    "wsj0_2mix": "mix_2_spk_{}.txt",
    "wham": "mix_2_spk_filenames_{}.csv",
    "whamr": "mix_2_spk_filenames_{}.csv",
}


@dataclass(frozen=True)
class Wsj0Mixture:
    """A mixture; its name says what is in it."""

    mixture_id: str
    utterances: tuple[str, ...]  # of WSJ0

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(speaker_of(utterance) for utterance in self.utterances)


def parse_name(mixture_id: str, where: Path) -> Wsj0Mixture:
    """
    Raises:
        DataError: the name is no mixture's, or both utterances are of one speaker.
    """
    found = NAME.fullmatch(mixture_id)
    if found is None or speaker_of(found[1]) == speaker_of(found[3]):
        raise DataError(
            f"{where}: '{mixture_id}.wav' is not named <utterance>_<level>_<utterance>_<level> after utterances of two "
            "speakers of WSJ0; the folder must hold the corpus as its scripts write it."
        )
    return Wsj0Mixture(mixture_id, (found[1], found[3]))


def read_mixtures(
    target: Wsj0MixSet, kind: str, published: bool = True, lists: Path | None = None
) -> list[Wsj0Mixture]:
    """The mixtures of a set, by name.

    Args:
        published: as many are wanted as the published set has.
        lists: folder of the corpus's own lists of mixtures; all of them are wanted, and no other.
    Raises:
        DataError: a folder or a file is missing, files are too many, of another rate or length, or other mixtures than the
            list has.
    """
    signals = [f"mix_{kind}", *sources_of(kind)]
    names = _names(target.signal_folder(signals[0]), target)
    if lists is not None:
        _compare(
            names, _listed(target, lists), target.signal_folder(signals[0]), str(_list_path(target, lists))
        )
    count = PUBLISHED_COUNTS[target.name]
    if published and len(names) != count:
        raise DataError(
            f"{target.signal_folder(signals[0])}: holds {len(names)} mixtures, the published set {count}; run the corpus's "
            "script to its end, or say --published_counts false if the mixtures are your own."
        )
    for signal in signals[1:]:
        folder = target.signal_folder(signal)
        _compare(_names(folder, target), names, folder, str(target.signal_folder(signals[0])))
    mixtures = [parse_name(name, target.signal_folder(signals[0])) for name in sorted(names)]
    for mixture in mixtures:
        _check_audio(target, mixture.mixture_id, signals)
    return mixtures


def _names(folder: Path, target: Wsj0MixSet) -> set[str]:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; {TITLES[target.corpus]}'s scripts write it, or name the folder that holds "
            f"wav{target.sample_rate // 1000}k."
        )
    names = {path.stem for path in visible_files(folder, "*.wav")}
    if not names:
        raise DataError(f"{folder}: holds no .wav file.")
    return names


def _compare(names: set[str], wanted: set[str], folder: Path, where: str) -> None:
    missing, strange = sorted(wanted - names), sorted(names - wanted)
    if missing:
        raise DataError(
            f"{folder}: lacks {len(missing)} of the {len(wanted)} mixtures of {where}, first {missing[0]}.wav; make the "
            "corpus again, its script writes what is missing."
        )
    if strange:
        raise DataError(
            f"{folder}: holds {len(strange)} mixtures that {where} has not, first {strange[0]}.wav; list and audio are of "
            "different versions, take both as published."
        )


def _list_path(target: Wsj0MixSet, lists: Path) -> Path:
    name = LIST_NAMES[target.corpus].format(target.name)
    return lists / "data" / name if (lists / "data" / name).is_file() else lists / name


def _listed(target: Wsj0MixSet, lists: Path) -> set[str]:
    """Mixtures of the corpus's list.

    Formats: ``mix_2_spk_<set>.txt`` of WSJ0-2mix, lines ``<file> <level> <file> <level>``; ``mix_2_spk_filenames_<set>.csv``
    of WHAM! and WHAMR!, the first column being the mixture's file, after a header.
    """
    path = _list_path(target, lists)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; MIXTURE_LISTS names the folder of {path.name} as {TITLES[target.corpus]} ships it, or "
            "nothing: then names and numbers of the files are checked alone."
        )
    lines = read_list(path).splitlines()
    if target.corpus == "wsj0_2mix":
        names = [
            _joined(line.split(), f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()
        ]
    else:
        names = [row[0].removesuffix(".wav") for row in list(csv.reader(lines))[1:] if row]
    if len(set(names)) < len(names) or not names:
        raise DataError(
            f"{path}: {'a mixture stands there twice' if names else 'holds no mixture'}; fetch the file again."
        )
    return set(names)


def _joined(fields: list[str], where: str) -> str:
    """A mixture's name, with levels of five digits as WSJ0-2mix's script (MATLAB's num2str) writes them."""
    try:
        first, level, second, other_level = fields
        stems = [PurePosixPath(path).stem for path in (first, second)]
        return f"{stems[0]}_{float(level):.5g}_{stems[1]}_{float(other_level):.5g}"
    except ValueError:
        raise DataError(
            f"{where}: wants '<file> <level> <file> <level>', has '{' '.join(fields)}'; take the file anew."
        ) from None


def _check_audio(target: Wsj0MixSet, mixture_id: str, signals: list[str]) -> None:
    lengths = {}
    for signal in signals:
        path = target.path(signal, mixture_id)
        try:
            info = read_info(str(path))
        except AudioError as error:
            raise DataError(f"{mixture_id}: {error}") from None
        if (info.sample_rate, info.num_channels) != (target.sample_rate, 1):
            raise DataError(
                f"{path}: {info.num_channels} channel(s) at {info.sample_rate} Hz, wanted is mono at "
                f"{target.sample_rate} Hz, as the folder says; make the corpus again."
            )
        lengths[signal] = info.num_samples
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"{target.folder}: signals of '{mixture_id}' have different lengths, "
            + ", ".join(f"{signal} {length}" for signal, length in lengths.items())
            + " samples; make the corpus again."
        )
