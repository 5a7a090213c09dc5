"""The validator that knows target speaker extraction: lists, speakers, enrollments; audio and codes."""

import re
from pathlib import Path
from typing import Iterator

from espnet_tse.data.findings import ERROR, WARNING, Check, Report
from espnet_tse.data.formatting import original_of
from espnet_tse.data.mixing_conf import MixingConf, read_mixing_conf
from espnet_tse.data.scp_fields import (
    ACTIVITY,
    ENROLLMENT_SCP,
    MIXING_YAML,
    MIXTURE_SCP,
    NUM_SAMPLES,
    PROTOCOL,
    REGIONS,
    SPEAKER_ENROLLMENTS,
    SPEAKERS_OF_TRAIN,
    TARGET_SCP,
    DynamicEnrollment,
    MixtureRow,
    Regions,
    is_source_dir,
    numbered_scps,
    parse_enrollment,
    read_keyed,
    read_regions,
    read_speaker_enrollments,
    refuse_segments,
    rows_of,
    speakers_of,
)
from espnet_tse.data.stored_inputs import named_audio
from espnet_tse.data.validation_audio import (
    AudioLimits,
    check_headers,
    check_lengths,
    check_samples,
    check_sums,
)
from espnet_tse.data.validation_codes import check_codes
from espnet_tse.io.activity_list import read_activity
from espnet_tse.io.audio_entry import AudioInfo, is_plain_file
from espnet_tse.io.scp import DataError, check_file_names, read_filled_scp, read_scp
from espnet_tse.io.yaml_file import read_yaml

LEVEL = re.compile(r"-?\d+(\.\d+)?(e-\d+)?")
FIX = "utils/fix_data_dir.sh keeps the common keys, sorted; or make the lists again (in a recipe stage 2 with --force true)"


class _Lists:
    """The lists of a directory, read as far as they can be."""

    def __init__(self, directory: Path, report: Report):
        self.directory, self.report = directory, report
        self.readable = report.check(
            "lists readable", "fix the line named; each wants 'key value', keys unique"
        )
        self.entries: dict[str, dict[str, str]] = {}

    def read(self, name: str, required: bool = False) -> dict[str, str]:
        """A list, empty if it is optional and absent or if it cannot be read."""
        path = self.directory / name
        if name not in self.entries and (required or path.is_file()):
            self.readable.num_checked += 1
            try:
                self.entries[name] = read_keyed(path)
            except DataError as error:
                self.readable.offend(name, str(error))
                self.entries[name] = {}
        return self.entries.get(name, {})


def _check_keys(report: Report, lists: _Lists, keys: set[str], names: list[str]) -> None:
    same = report.check("equal keys in all lists", FIX)
    order = report.check("sorted (LC_ALL=C)", "LC_ALL=C sort -o FILE FILE, or utils/fix_data_dir.sh")
    for name in names:
        entries = lists.entries.get(name)
        if entries is None:
            continue
        same.num_checked += 1
        order.num_checked += 1
        for key in sorted(keys ^ entries.keys()):
            same.offend(key, f"missing in {name}" if key in keys else f"in {name} but not in wav.scp")
        listed = [key.encode("utf-8") for key in entries]
        if listed != sorted(listed):
            first = next(i for i in range(1, len(listed)) if listed[i] < listed[i - 1])
            order.offend(
                listed[first].decode("utf-8"), f"stands behind '{listed[first - 1].decode()}' in {name}"
            )


def _check_spk2utt(report: Report, lists: _Lists) -> None:
    check = report.check("spk2utt = utt2spk turned round", "utils/utt2spk_to_spk2utt.pl utt2spk > spk2utt")
    spk2utt = lists.read("spk2utt")
    if not spk2utt:
        check.note = "no spk2utt"
        return
    turned: dict[str, set[str]] = {}
    for key, speaker in lists.read("utt2spk").items():
        turned.setdefault(speaker, set()).add(key)
    for speaker in sorted(turned.keys() | spk2utt.keys()):
        check.num_checked += 1
        if turned.get(speaker, set()) != set(spk2utt.get(speaker, "").split()):
            check.offend(speaker, "has other utterances in spk2utt than in utt2spk")


def check_train_overlap(report: Report, directory: Path, train_dir: Path) -> None:
    """No speaker and no file of a held-out set in the training set.

    Where the corpus is made so, speakers may be, and what enrolls them.
    """
    shares_speakers = _protocol(directory).get("speakers") == SPEAKERS_OF_TRAIN
    speakers = report.check(
        "no speaker of train",
        "split the corpus by speaker; move the shared ones to one set",
        WARNING if shares_speakers else ERROR,
    )
    files = report.check("no audio file of train", "drop the shared files from one of the sets")
    own, train = speakers_of(directory), speakers_of(train_dir)
    if not own or not train:
        speakers.note = "utt2spk repeats the keys, so speakers are unknown"
    else:
        speakers.num_checked = len(own)
        for speaker in sorted(set(own) & set(train)):
            speakers.offend(speaker, f"speaks in {train_dir} too")
    trained = {path for _, _, path in speech_of(train_dir, not shares_speakers)}
    for name, key, path in speech_of(directory, not shares_speakers):
        files.num_checked += 1
        if path in trained:
            files.offend(key, f"{name}: '{path}' is in {train_dir} too")


def speech_of(directory: Path, enrollments: bool) -> Iterator[tuple[str, str, str]]:
    """List, key and path of all speech that a set names, with its enrollments or without."""
    scps = [directory / MIXTURE_SCP, *numbered_scps(directory, "spk")]
    scps += numbered_scps(directory, "enroll_spk") if enrollments else []
    drawn: set[str] = set()
    for scp in scps:
        for key, value in read_scp(scp).items():
            entry = parse_enrollment(value, key, scp)
            if isinstance(entry, DynamicEnrollment):
                drawn.add(entry.speaker)
            else:
                yield scp.name, key, entry
    pool = read_speaker_enrollments(directory / SPEAKER_ENROLLMENTS) if drawn else {}
    for speaker in sorted(drawn & pool.keys()):
        yield from ((SPEAKER_ENROLLMENTS, uid, path) for uid, path in pool[speaker])


def utterance_of(path: str) -> str:
    """The utterance of a file: its name, or of a source of a mixture its part of the name.

    Sources are ``s2/<utt1>_<utt2>.wav``; WSJ0-2mix and its kin have levels between, ``s2/<utt1>_<dB>_<utt2>_<dB>.wav``, and
    WHAMR! rooms, ``s2_anechoic``.
    """
    file = Path(path)
    source = re.fullmatch(r"s(\d+)(?:_anechoic|_reverb)?", file.parent.name)
    parts = [part for part in file.stem.split("_") if not LEVEL.fullmatch(part)]
    is_mixed = source and len(parts) > 1 and 1 <= int(source[1]) <= len(parts)
    return parts[int(source[1]) - 1] if is_mixed else file.stem


def originals_of(row: MixtureRow) -> tuple[Path, Path] | None:
    """The files that target and enrollment were before stage 2; None where their names say nothing.

    Those are named by the key, whatever voice's, or are entries of archives, or commands.
    """
    if row.target is None or not isinstance(row.enrollment, str):
        return None
    target, enrollment = original_of(row.target), original_of(row.enrollment)
    key = row.key.partition("#spk")[0]
    is_named = not f"-{key}".endswith(f"-{utterance_of(target)}")
    if not (is_named and is_plain_file(target) and is_plain_file(enrollment)):
        return None
    return Path(target), Path(enrollment)


def shared_utterances(rows: list[MixtureRow]) -> dict[str, str]:
    """Key -> utterance that target and enrollment share, as far as the names of their files say."""
    originals = {row.key: pair for row in rows if (pair := originals_of(row))}
    folders: dict[str, set[Path]] = {}  # in which files of a name lie that is theirs alone
    for file in {file for pair in originals.values() for file in pair}:
        if utterance_of(str(file)) == file.stem:
            folders.setdefault(file.stem, set()).add(file.parent)
    # A target and a copy of it lie in two. Names such as 00001.wav of VoxCeleb are those of a folder's files.
    repeated = any(len(parents) > 2 for parents in folders.values())
    shared = {}
    for key, (target, enrollment) in originals.items():
        utterance = utterance_of(str(target))
        is_same = utterance == utterance_of(str(enrollment))
        if is_same and not (repeated and target.parent.name != enrollment.parent.name):
            shared[key] = utterance
    return shared


def check_contents(report: Report, rows: list[MixtureRow], contents: dict[str, str]) -> None:
    """Enrollments with the samples of their target, in a file of another name.

    Args:
        contents: path -> hash of its samples.
    """
    check = report["enrollment is not the target"]
    reported = {key for key, _ in check.offenders}
    for row in rows:
        if row.key in reported or row.target is None or not isinstance(row.enrollment, str):
            continue
        if contents.get(row.target, "target") == contents.get(row.enrollment, "enrollment"):
            check.offend(row.key, f"'{row.enrollment}' holds the samples of '{row.target}'")


def _check_enrollments(report: Report, directory: Path, rows: list[MixtureRow], lists: _Lists) -> list[str]:
    """Speaker and place of the enrollments; returns the paths that dynamic enrollment may draw."""
    speaker_check = report.check(
        "enrollment speaker = target speaker", "draw the enrollment from the target's speaker"
    )
    other_check = report.check(
        "enrollment is not the target",
        "enroll with another utterance of the speaker; a list that was published so is kept with 'published: NAME' in "
        f"{PROTOCOL}",
        WARNING if _protocol(directory).get("published") else ERROR,
    )
    regions = _check_regions(report, directory)
    by_speaker = _check_drawable(report, directory, rows)
    shared = shared_utterances(rows)
    for row in rows:
        if isinstance(row.enrollment, str):
            other_check.num_checked += 1
            if row.enrollment in (row.target, row.mixture):
                other_check.offend(row.key, f"both are '{row.enrollment}'")
            elif row.key not in regions and row.key in shared:
                other_check.offend(row.key, f"both are of utterance '{shared[row.key]}' ({row.enrollment})")
    if any(key != speaker for key, speaker in lists.read("utt2spk").items()):
        _check_speakers(speaker_check, rows, by_speaker, lists.read("utt2enrollspk"))
    else:
        speaker_check.note = "utt2spk repeats the keys, so speakers are unknown"
    return [path for pairs in by_speaker.values() for _, path in pairs]


def _check_regions(report: Report, directory: Path) -> dict[str, Regions]:
    """Whether enrollments and targets that are cut from one utterance lie apart; where they lie, by key."""
    check = report.check(
        "enrollment and target disjoint in time", "cut them from disjoint regions, some 0.5 s apart"
    )
    if not (directory / REGIONS).is_file():
        check.note = f"no {REGIONS}"
        return {}
    try:
        regions = read_regions(directory / REGIONS)
    except DataError as error:
        check.num_checked += 1
        check.offend(REGIONS, str(error))
        return {}
    for key, region in regions.items():
        check.num_checked += 1
        if region.gap_s is not None and region.gap_s < 0:
            check.offend(key, f"both from '{region.target_id}', overlapping by {-region.gap_s:.2f} s")
    return regions


def _check_drawable(
    report: Report, directory: Path, rows: list[MixtureRow]
) -> dict[str, list[tuple[str, str]]]:
    """Whether rows with a dynamic enrollment have one to draw; speaker -> utterance ids and paths."""
    check = report.check(
        "dynamic enrollment can be drawn", "add an utterance of the speaker to spk2enroll.json"
    )
    dynamic = [row for row in rows if isinstance(row.enrollment, DynamicEnrollment)]
    check.num_checked += len(dynamic)
    if not dynamic:
        return {}
    try:
        by_speaker = read_speaker_enrollments(directory / SPEAKER_ENROLLMENTS)
    except DataError as error:
        check.num_checked += 1
        check.offend(SPEAKER_ENROLLMENTS, str(error))
        return {}
    for row in dynamic:
        pairs = by_speaker.get(row.enrollment.speaker, [])
        if by_speaker and not any(uid != row.enrollment.excluded_id for uid, _ in pairs):
            check.offend(row.key, f"speaker '{row.enrollment.speaker}' has {len(pairs)} enrollment(s)")
    return by_speaker


def _check_speakers(
    check: Check,
    rows: list[MixtureRow],
    by_speaker: dict[str, list[tuple[str, str]]],
    enroll_speakers: dict[str, str],
) -> None:
    """Whether each enrollment is of the target's speaker, as far as anything says whose it is.

    Args:
        by_speaker: speaker -> utterance ids and paths, of dynamic enrollment.
        enroll_speakers: key -> speaker of its enrollment, where the set says so.
    """
    owner = {path: speaker for speaker, pairs in by_speaker.items() for _, path in pairs}
    owner |= {row.target: row.speaker for row in rows if row.target and row.speaker}
    for row in rows:
        if row.enrollment is None:
            continue
        if isinstance(row.enrollment, DynamicEnrollment):
            found = row.enrollment.speaker
        else:
            found = enroll_speakers.get(row.key) or owner.get(row.enrollment)
        if row.speaker is not None and found is not None:
            check.num_checked += 1
            if found != row.speaker:
                check.offend(row.key, f"enrollment of '{found}', but the target is '{row.speaker}'")


def _protocol(directory: Path) -> dict:
    """What the set says of itself.

    ``kind: clean`` (its scps name all that was mixed), ``sources`` (they are other signals than were mixed, as dry ones of a
    reverberant mixture), ``speakers: of the training set``, ``published: NAME``.
    """
    path = directory / PROTOCOL
    return read_yaml(path) if path.is_file() else {}


def _protocol_is_complete(directory: Path, rows: list[MixtureRow]) -> bool:
    """Whether the set says that its scps name all that was mixed."""
    return bool(rows and rows[0].noises) or _protocol(directory).get("kind") == "clean"


def _check_num_samples(report: Report, lists: _Lists, lengths: dict[str, int]) -> None:
    check = report.check("utt2num_samples is true", "run stage 2 (format_data) with --force true")
    for key, value in lists.read(NUM_SAMPLES).items():
        if key in lengths:
            check.num_checked += 1
            if value != str(lengths[key]):
                check.offend(key, f"says {value}, the file has {lengths[key]} samples")


def _check_source(report: Report, directory: Path, lists: _Lists) -> dict[str, dict[str, str]]:
    """A source directory's speakers against its mixing configuration; the noise and rooms that this names."""
    check = report.check("mixing.yaml and its speakers", "fix mixing.yaml, or add speakers or utterances")
    check.num_checked = 1
    try:
        conf: MixingConf = read_mixing_conf(directory / MIXING_YAML)
    except DataError as error:
        check.offend(MIXING_YAML, str(error))
        return {}
    counts: dict[str, int] = {}
    for speaker in lists.read("utt2spk").values():
        counts[speaker] = counts.get(speaker, 0) + 1
    check.num_checked = len(counts)
    if len(counts) < conf.speakers_needed:
        check.offend(MIXING_YAML, f"mixtures of {conf.speakers_needed} from {len(counts)} speaker(s)")
    if conf.enrollment == "other_utterance":
        for speaker, count in sorted(counts.items()):
            if count < 2:
                check.offend(speaker, "a single utterance, none is left for 'enrollment: other_utterance'")
    further = {}
    for scp in filter(None, (conf.noise_scp, conf.rir_scp)):
        try:
            further[scp] = read_filled_scp(scp)
        except DataError as error:
            check.offend(MIXING_YAML, str(error))
    return further


def _responses_of(directory: Path) -> str | None:
    """The scp of room impulse responses of a source directory, where its configuration can be read."""
    try:
        return read_mixing_conf(directory / MIXING_YAML).rir_scp
    except DataError:  # reported by _check_source
        return None


def validate_dir(
    directory: Path | str,
    limits: AudioLimits = AudioLimits(),
    train_dir: Path | str | None = None,
    codes_dir: Path | str | None = None,
    codec_dir: Path | str | None = None,
) -> Report:
    """Validate a TSE directory or a source directory; an ESPnet2 ``tse1`` directory is the former.

    Args:
        limits: what the audio must be.
        train_dir: the training set, with which ``directory`` may share no speaker and no file.
        codes_dir: tokenized targets of ``directory``; codec_dir: the codec they should be of.
    Raises:
        DataError: there are ``segments``.
    """
    directory = Path(directory)
    refuse_segments(directory)
    source = is_source_dir(directory)
    report = Report(str(directory), "sources for dynamic mixing" if source else "mixtures")
    lists = _Lists(directory, report)
    mixtures = lists.read(MIXTURE_SCP, required=True)
    lists.read("utt2spk", required=True)
    report.num_keys = len(mixtures)
    if not mixtures and not lists.readable.offenders:
        lists.readable.offend(MIXTURE_SCP, f"{directory / MIXTURE_SCP}: is empty")
    if source:
        scps = [MIXTURE_SCP]
    else:
        scps = [MIXTURE_SCP, TARGET_SCP, *(p.name for p in numbered_scps(directory, "spk", 2))]
        scps += [p.name for stem in ("noise", "enroll_spk") for p in numbered_scps(directory, stem)]
        lists.read(ENROLLMENT_SCP, required=_protocol(directory).get("task") != "sr")  # which enrolls nobody
    keyed = ["text", "text_spk1", "text_spk2", "utt2category", "utt2enrollspk"]
    keyed += [REGIONS, NUM_SAMPLES, ACTIVITY]
    for name in scps + keyed:
        lists.read(name)
    _check_keys(report, lists, set(mixtures), [*scps, "utt2spk", *keyed])
    _check_spk2utt(report, lists)
    complete = [
        key for key in mixtures if all(key in lists.entries.get(n, mixtures) for n in [*scps, "utt2spk"])
    ]
    rows: list[MixtureRow] = []
    fields = {name: dict(lists.entries[name]) for name in scps if name in lists.entries}
    if source:
        fields |= _check_source(report, directory, lists)
    else:
        rows = _rows(lists, scps, complete, directory)
        drawn = _check_enrollments(report, directory, rows, lists)
        for name in fields:
            if name.startswith("enroll"):
                fields[name] = {k: v for k, v in fields[name].items() if not v.startswith("*")}
        if drawn:
            fields["enroll: " + SPEAKER_ENROLLMENTS] = {path: path for path in dict.fromkeys(drawn)}
    if train_dir is not None:
        check_train_overlap(report, directory, Path(train_dir))
    infos = check_headers(report, fields, limits)
    if not source:
        check_lengths(report, infos, MIXTURE_SCP)
    _check_num_samples(report, lists, {k: i.num_samples for k, i in infos[MIXTURE_SCP].items()})
    if limits.full:
        responses = _responses_of(directory) if source else None
        contents = check_samples(report, fields, infos, _absent_keys(lists), responses)
        if not source:
            check_contents(report, rows, contents)
            # Of each mixture once, whatever its targets.
            mixed = _rows(
                lists, [name for name in scps if not name.startswith("enroll")], complete, directory
            )
            if not _protocol(directory).get("sources"):
                check_sums(report, mixed, infos, limits, strict=_protocol_is_complete(directory, mixed))
    if codes_dir is not None:
        targets = infos.get(MIXTURE_SCP if source else TARGET_SCP)
        inputs = _lengths_of_inputs(rows, directory, fields, infos) if targets else {}
        _check_codes(report, lists, targets, inputs, limits, codes_dir, codec_dir)
    _check_file_names(report, mixtures)
    return report


def _check_codes(
    report: Report,
    lists: _Lists,
    targets: dict[str, AudioInfo] | None,
    inputs: dict[str, int],
    limits: AudioLimits,
    codes_dir: Path | str,
    codec_dir: Path | str | None,
) -> None:
    if targets is None:
        lists.readable.offend(
            TARGET_SCP, f"is not there, and the codes of {codes_dir} are those of the targets"
        )
        return
    rate = limits.sample_rate or next((info.sample_rate for info in targets.values()), 0)
    lengths = {key: info.num_samples for key, info in targets.items()}
    check_codes(report, codes_dir, lengths, rate, codec_dir, inputs)


def _lengths_of_inputs(
    rows: list[MixtureRow],
    directory: Path,
    fields: dict[str, dict[str, str]],
    infos: dict[str, dict[str, AudioInfo]],
) -> dict[str, int]:
    """Name in ``audio_of`` -> samples, of all that the rows hold and whose headers could be read."""
    lengths = {
        fields[name][key]: info.num_samples for name, found in infos.items() for key, info in found.items()
    }
    try:
        named = dict(named_audio(rows, directory))
    except DataError:  # reported by _check_drawable
        return {}
    return {name: lengths[path] for name, path in named.items() if path in lengths}


def _absent_keys(lists: _Lists) -> set[str]:
    """Keys whose target says nothing, as far as the set says when targets speak."""
    if not lists.read(ACTIVITY):
        return set()
    try:
        activity = read_activity(lists.directory / ACTIVITY)
    except DataError as error:
        lists.readable.offend(ACTIVITY, str(error))
        return set()
    return {key for key, times in activity.items() if times == ()}


def _rows(lists: _Lists, scps: list[str], keys: list[str], directory: Path) -> list[MixtureRow]:
    """The rows, of all targets, whose keys stand in every list and whose enrollments can be read."""
    entries = lists.entries
    readable = []
    for key in keys:
        try:
            for name in scps:
                if name.startswith("enroll_spk") and name in entries:
                    parse_enrollment(entries[name][key], key, directory / name)
            readable.append(key)
        except DataError as error:
            lists.readable.offend(key, str(error))
    complete = {
        name: {key: entries[name][key] for key in readable} for name in [*scps, "utt2spk"] if name in entries
    }
    return rows_of(complete, directory) if readable else []


def _check_file_names(report: Report, mixtures: dict[str, str]) -> None:
    check = report.check(
        "keys are file names", "rename the key in all lists; outputs are written as <key>.wav"
    )
    for key in mixtures:
        check.num_checked += 1
        try:
            check_file_names([key], MIXTURE_SCP)
        except DataError as error:
            check.offend(key, str(error))
