"""The only place that knows which Kaldi file holds the mixture, the enrollment and the target."""

import json
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.data.targets import count_up, speaker_of, with_all_targets
from espnet_tse.io.scp import DataError, check_file_names, read_scp, read_text

SEGMENTS = "segments"
MIXTURE_SCP = "wav.scp"  # of a source directory: the single-speaker utterances
TARGET_SCP = "spk1.scp"
ENROLLMENT_SCP = "enroll_spk1.scp"
MIXING_YAML = "mixing.yaml"  # its presence makes a directory a source directory
NUM_SAMPLES = "utt2num_samples"
SPEAKER_ENROLLMENTS = "spk2enroll.json"
REGIONS = "utt2regions"
ACTIVITY = "utt2activity"
INTERFERER = "utt2interferer"
PROTOCOL = "protocol"
SPEAKERS_OF_TRAIN = "of the training set"  # there, as ``speakers``: the corpus is made so


@dataclass(frozen=True)
class DynamicEnrollment:
    """``*UID SPEAKER``: any enrollment of SPEAKER but UID, drawn at training time."""

    excluded_id: str
    speaker: str


@dataclass(frozen=True)
class Regions:
    """Where target and enrollment were cut from, a line of ``utt2regions``; times in seconds."""

    target_id: str
    target_start_s: float
    target_end_s: float
    enrollment_id: str
    enrollment_start_s: float
    enrollment_end_s: float

    @property
    def gap_s(self) -> float | None:
        """Seconds between the two if cut from one utterance (negative: they overlap), else None."""
        if self.target_id != self.enrollment_id:
            return None
        return max(self.enrollment_start_s - self.target_end_s, self.target_start_s - self.enrollment_end_s)


@dataclass(frozen=True)
class MixtureRow:
    """One (mixture, target speaker) pair of a TSE directory."""

    key: str
    mixture: str  # path
    target: str | None  # path, None in a set that is only extracted
    enrollment: str | DynamicEnrollment | None
    interferers: tuple[str, ...]  # paths of spk2.scp, spk3.scp ...
    noises: tuple[str, ...]  # paths of noise1.scp ...
    speaker: str | None  # of the target; None where neither utt2spk nor the enrollment says


def is_source_dir(directory: Path | str) -> bool:
    """Whether ``directory`` holds single-speaker utterances for dynamic mixing."""
    return (Path(directory) / MIXING_YAML).is_file()


def parse_enrollment(value: str, key: str, path: Path) -> str | DynamicEnrollment:
    """A line's value of ``enroll_spk1.scp``: a path, or ``*UID SPEAKER``."""
    if not value.startswith("*"):
        return value
    fields = value[1:].split()
    if len(fields) != 2:
        raise DataError(f"{path}: key '{key}': '{value}' is neither a path nor '*UID SPEAKER'.")
    return DynamicEnrollment(*fields)


def numbered_scps(directory: Path | str, stem: str, first: int = 1) -> list[Path]:
    """``<stem><first>.scp``, ``<stem><first+1>.scp`` ... as far as they exist without a gap."""
    paths = []
    number = first
    while (path := Path(directory) / f"{stem}{number}.scp").is_file():
        paths.append(path)
        number += 1
    return paths


def refuse_segments(directory: Path) -> None:
    """Raise DataError where ``wav.scp`` lists recordings, of which only stage 2 cuts the rows."""
    if (directory / SEGMENTS).is_file():
        raise DataError(
            f"{directory}: has {SEGMENTS}, so its wav.scp lists whole recordings; run stage 2 (format_data), which cuts "
            "them, and use its output."
        )


def read_keyed(path: Path) -> dict[str, str]:
    """A list of a data directory; in transcripts (``text``, ``text_spk1`` ...) a key may stand alone.

    Raises:
        DataError: as ``read_scp``.
    """
    return (read_text if path.name.startswith("text") else read_scp)(path)


def read_tse_dir(directory: Path | str) -> list[MixtureRow]:
    """Read a TSE directory with all its targets (``with_all_targets``), in byte order of the keys.

    Raises:
        DataError: a file is missing, or lacks a key that ``wav.scp`` has; names the first of them. Or there are
            ``segments``.
    """
    directory = Path(directory)
    refuse_segments(directory)
    mixtures = read_scp(directory / MIXTURE_SCP)
    keys = sorted(mixtures, key=lambda k: k.encode("utf-8"))
    if not keys:
        raise DataError(f"{directory / MIXTURE_SCP}: is empty; run stage 1 (data) with --force true.")

    def column(path: Path) -> dict[str, str]:
        entries = read_scp(path)
        missing = [key for key in keys if key not in entries]
        if missing:
            raise DataError(
                f"{path}: lacks {len(missing)} of the {len(keys)} keys of wav.scp, first '{missing[0]}'; "
                f"'espnet-tse validate {directory}' lists them."
            )
        return entries

    lists = {MIXTURE_SCP: mixtures, "utt2spk": column(directory / "utt2spk")}
    for stem in ("spk", "noise", "enroll_spk"):
        lists |= {path.name: column(path) for path in numbered_scps(directory, stem)}
    return rows_of(lists, directory)


def rows_of(lists: dict[str, dict[str, str]], directory: Path) -> list[MixtureRow]:
    """Every row of lists that hold the same keys, with all targets, in byte order of the keys.

    Args:
        directory: of the lists, for messages.
    Raises:
        DataError: a dynamic enrollment of another form.
    """
    lists = with_all_targets(lists)
    columns = {
        stem: [lists[f"{stem}{number}.scp"] for number in count_up(lists, stem)]
        for stem in ("spk", "noise", "enroll_spk")
    }
    rows = []
    for key in sorted(lists[MIXTURE_SCP], key=lambda key: key.encode("utf-8")):
        enrollment = columns["enroll_spk"][0][key] if columns["enroll_spk"] else None
        listed = lists["utt2spk"][key]
        sources = [column[key] for column in columns["spk"]]
        rows.append(
            MixtureRow(
                key=key,
                mixture=lists[MIXTURE_SCP][key],
                target=sources[0] if sources else None,
                enrollment=enrollment and parse_enrollment(enrollment, key, directory / ENROLLMENT_SCP),
                interferers=tuple(sources[1:]),
                noises=tuple(column[key] for column in columns["noise"]),
                # Directories of ESPnet's recipes repeat the key.
                speaker=speaker_of(enrollment, None) if listed == key else listed,
            )
        )
    return rows


def speakers_of(directory: Path | str) -> list[str]:
    """The speakers that a set names, sorted; none where its utt2spk repeats the keys and no enrollment says more."""
    if is_source_dir(directory):
        return sorted(set(read_source_dir(directory)[1].values()))
    return sorted({row.speaker for row in read_tse_dir(directory) if row.speaker is not None})


def turned_round(utt2spk: dict[str, str]) -> dict[str, str]:
    """``spk2utt``: speaker -> its keys, in byte order, with spaces between."""
    speakers: dict[str, list[str]] = {}
    for key in sorted(utt2spk, key=lambda key: key.encode("utf-8")):
        speakers.setdefault(utt2spk[key], []).append(key)
    return {speaker: " ".join(keys) for speaker, keys in speakers.items()}


def read_source_dir(directory: Path | str) -> tuple[dict[str, str], dict[str, str]]:
    """Read a source directory.

    Returns:
        utterance id -> path and utterance id -> speaker, both in byte order.
    Raises:
        DataError: ``wav.scp`` and ``utt2spk`` do not hold the same keys, or one cannot name a file. Or there are
            ``segments``.
    """
    directory = Path(directory)
    refuse_segments(directory)
    paths, speakers = read_scp(directory / MIXTURE_SCP), read_scp(directory / "utt2spk")
    check_file_names(paths, directory / MIXTURE_SCP)
    if paths.keys() != speakers.keys():
        odd = sorted(paths.keys() ^ speakers.keys())
        raise DataError(
            f"{directory}: wav.scp and utt2spk differ in {len(odd)} keys, first '{odd[0]}'; "
            "utils/fix_data_dir.sh keeps the common ones."
        )
    keys = sorted(paths, key=lambda k: k.encode("utf-8"))
    return {key: paths[key] for key in keys}, {key: speakers[key] for key in keys}


def read_speaker_enrollments(path: Path | str) -> dict[str, list[tuple[str, str]]]:
    """``spk2enroll.json``: speaker -> [(utterance id, path), ...].

    Raises:
        DataError: missing, not JSON in UTF-8, or of another form.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file, yet enroll_spk1.scp has '*UID SPEAKER' lines that draw from it; "
            "write {speaker: [[utterance id, path], ...]}."
        ) from None
    except ValueError as error:  # JSONDecodeError, or UnicodeDecodeError
        raise DataError(f"{path}: not JSON in UTF-8 ({error}).") from None
    fault = DataError(f"{path}: wants {{speaker: [[utterance id, path], ...], ...}}.")
    if not isinstance(content, dict):
        raise fault
    for pairs in content.values():
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in pairs
        ):
            raise fault
    return {speaker: [(str(uid), str(wav)) for uid, wav in pairs] for speaker, pairs in content.items()}


def listed_lengths(directory: Path | str) -> dict[str, int] | None:
    """``utt2num_samples`` of a directory, which stage 2 writes; None where there is none."""
    path = Path(directory) / NUM_SAMPLES
    return read_num_samples(path) if path.is_file() else None


def read_num_samples(path: Path | str) -> dict[str, int]:
    """``utt2num_samples``: key -> samples of its wav.scp line."""
    lengths = {}
    for key, value in read_scp(path).items():
        if not value.isdecimal():
            raise DataError(
                f"{path}: key '{key}': '{value}' is no number of samples; run stage 2 (format) with --force true."
            )
        lengths[key] = int(value)
    return lengths


def read_regions(path: Path | str) -> dict[str, Regions]:
    """``utt2regions``: key -> ``TARGET_UTT START_S END_S ENROLLMENT_UTT START_S END_S``."""
    regions = {}
    for key, value in read_scp(path).items():
        fields = value.split()
        try:
            target, t0, t1, enrollment, e0, e1 = fields
            regions[key] = Regions(target, float(t0), float(t1), enrollment, float(e0), float(e1))
        except ValueError:
            raise DataError(
                f"{path}: key '{key}': '{value}' is not 'TARGET START END ENROLLMENT START END' in seconds."
            ) from None
    return regions
