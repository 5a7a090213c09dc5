"""Stage 2: every audio of a data directory at one rate, mono and in a plain file; by key, in shards."""

import json
import logging
import os
import re
import shutil
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from espnet_tse.data.audio_files import read_info
from espnet_tse.data.formants import move_formants
from espnet_tse.data.scp_fields import (
    ACTIVITY,
    INTERFERER,
    MIXTURE_SCP,
    NUM_SAMPLES,
    SEGMENTS,
    SPEAKER_ENROLLMENTS,
    numbered_scps,
    read_keyed,
    read_speaker_enrollments,
    turned_round,
)
from espnet_tse.data.segments import Segment, read_segments
from espnet_tse.data.targets import OF_THE_FIRST_TARGET, Lists, with_all_targets
from espnet_tse.data.validation_audio import OVERLOAD
from espnet_tse.io.activity_list import Times, activity_line, read_activity
from espnet_tse.io.audio import resample, write_audio
from espnet_tse.io.audio_entry import (
    AudioError,
    AudioInfo,
    file_of,
    is_pipe,
    is_plain_file,
    read_entry,
    read_span,
    refuse_not_finite,
)
from espnet_tse.io.audio_entry import read_info as read_header
from espnet_tse.io.faults import SHOWN, refuse_all
from espnet_tse.io.files import atomic_write, is_there, write_json
from espnet_tse.io.scp import DataError, check_file_names, read_scp, write_scp
from espnet_tse.io.shard import take_shard
from espnet_tse.io.wav_header import has_sizes

AUDIO_SCP = re.compile(r"wav\.scp|(spk|noise|enroll_spk|dereverb)\d+\.scp")
REFERENCED_FORMATS = ("WAV", "FLAC", "WAVEX", "OGG")  # libsndfile formats that stay in place
QUIET_PEAK = 0.01  # 16 bits leave less than 9 of a signal that stays below
ENROLLMENT_POOL = "spk2enroll.scp"  # the audio of spk2enroll.json, while it is formatted
SHARDS = "format"
PROGRESS_EVERY = 500
SPEAKER_LISTS = ("utt2spk", "utt2enrollspk", INTERFERER)  # whose values are names of voices
DURATIONS = "utt2dur"  # s
STAMP = ".source"  # of the file beside an audio that says what it was made of


@dataclass(frozen=True)
class Voice:
    """How a recording is changed; another voice is another speaker."""

    speed: float = 1.0
    formants: float = 1.0  # factor of their frequencies, the pitch stays

    def name(self, name: str) -> str:
        """Key or speaker of this voice: Kaldi's prefix ``sp0.9-``, and ``fm1.1-``."""
        name = name if self.formants == 1.0 else f"fm{self.formants:g}-{name}"
        return name if self.speed == 1.0 else f"sp{self.speed:g}-{name}"


@dataclass(frozen=True)
class FormatConf:
    """What the formatted audio is like."""

    sample_rate: int  # Hz
    audio_format: str = "flac"  # of files that are rewritten: flac or wav, 16 bit
    channel: int = 0  # of files with several; others have one
    speed_factors: tuple[float, ...] = ()  # besides 1.0
    formant_factors: tuple[float, ...] = ()  # besides 1.0, at every speed

    @property
    def voices(self) -> list[Voice]:
        """Every speed with every place of the formants; the first one is the recording's own voice."""
        return [
            Voice(speed, formants)
            for speed in (1.0, *self.speed_factors)
            for formants in (1.0, *self.formant_factors)
        ]


@dataclass(frozen=True)
class Item:
    """One audio to make."""

    scp: str  # file it is listed in
    key: str
    entry: str
    voice: Voice = Voice()
    segment: Segment | None = None

    @property
    def new_key(self) -> str:
        return self.voice.name(self.key)


def audio_scps(directory: Path) -> list[Path]:
    """The scps of a directory that list audio."""
    return sorted(path for path in directory.glob("*.scp") if AUDIO_SCP.fullmatch(path.name))


def list_items(directory: Path, conf: FormatConf) -> list[Item]:
    """All audio of a directory, once for each voice.

    Raises:
        DataError: a key cannot name a file, a segment is malformed, or other voices are asked for where
            enrollments are drawn dynamically, or other formants for mixtures.
    """
    if not (directory / MIXTURE_SCP).is_file():
        raise DataError(f"{directory / MIXTURE_SCP}: no such file; run stage 1 (data).")
    scps = audio_scps(directory)
    if conf.formant_factors and len(scps) > 1:
        # The filter of a frame depends on the frame: sources that it changes do not add up to the changed
        # mixture.
        others = ", ".join(path.name for path in scps if path.name != MIXTURE_SCP)
        raise DataError(
            f"{directory}: formant perturbation is for utterances of one speaker that are mixed while "
            f"training, and this set lists mixtures ({others}); leave out --formant_perturb_factors."
        )
    segments = read_segments(directory / SEGMENTS)
    recordings = read_scp(directory / MIXTURE_SCP) if segments else {}
    parts: dict[str, list[tuple[str, Segment]]] = {}  # of a recording
    for key, segment in segments.items():
        if segment.recording not in recordings:
            raise DataError(
                f"{directory / SEGMENTS}: key '{key}': recording '{segment.recording}' is not in "
                f"{MIXTURE_SCP}; add it, or drop the segment."
            )
        parts.setdefault(segment.recording, []).append((key, segment))
    items: list[Item] = []
    for path in scps:
        for key, entry in read_scp(path).items():
            if entry.startswith("*"):
                if conf.speed_factors:
                    raise DataError(
                        f"{path}: key '{key}': speed perturbation would change which enrollment '{entry}' "
                        "may draw; use fixed enrollments, or dynamic mixing without perturbation."
                    )
                continue
            if path.name == MIXTURE_SCP and segments:
                items += [
                    Item(path.name, part, entry, segment=segment) for part, segment in parts.get(key, [])
                ]
            else:
                items.append(Item(path.name, key, entry))
    pool = directory / SPEAKER_ENROLLMENTS
    if pool.is_file():
        entries: dict[str, str] = {}
        for speaker, pairs in read_speaker_enrollments(pool).items():
            for uid, entry in pairs:
                if entries.setdefault(uid, entry) != entry:
                    raise DataError(
                        f"{pool}: utterance '{uid}' is {entry} of speaker '{speaker}' and {entries[uid]} elsewhere; give each "
                        "recording an id of its own."
                    )
        items += [Item(ENROLLMENT_POOL, uid, entry) for uid, entry in entries.items()]
    for item in items:
        check_file_names([item.key], directory / item.scp)
    if not items:
        raise DataError(f"{directory}: lists no audio; run stage 1 (data) with --force true.")
    return [replace(item, voice=voice) for voice in conf.voices for item in items]


def _stays_in_place(item: Item, conf: FormatConf, headers: dict[str, AudioInfo]) -> int | None:
    """Samples of a file that is right as it is, else None.

    Args:
        headers: by entry, of files that were in place before: one may enroll in many rows.
    """
    if item.voice != Voice() or item.segment is not None or not is_plain_file(item.entry):
        return None
    if (info := headers.get(item.entry)) is None:
        info = read_info(item.entry, item.key)
        if not has_sizes(Path(item.entry)):  # not every program counts them
            info = replace(info, seekable=False)
        headers[item.entry] = info
    if (info.sample_rate, info.num_channels) != (conf.sample_rate, 1) or info.num_samples == 0:
        return None  # an empty file is refused where it is converted
    return info.num_samples if info.format in REFERENCED_FORMATS and info.seekable else None


def _read(item: Item) -> tuple[np.ndarray, int]:
    """(N, C) float64 samples of an item before any change, and their rate in Hz."""
    if item.segment is None:
        return read_entry(item.entry, pipes=True)
    recording = _recording(item.entry, json.dumps(_states(item.entry)))
    if isinstance(recording, AudioInfo):
        start, end = item.segment.span(recording.num_samples, recording.sample_rate)
        return read_span(item.entry, start, end - start, "float64")
    samples, rate = recording
    return samples[slice(*item.segment.span(len(samples), rate))], rate


@lru_cache(maxsize=1)  # the segments of a recording come after each other
def _recording(entry: str, states: str) -> AudioInfo | tuple[np.ndarray, int]:
    """The header of a recording whose parts can be read, else all its samples and their rate.

    Args:
        states: of the files that are read; where they have changed, so has the recording.
    """
    if is_plain_file(entry) and (info := read_header(entry)).seekable:
        return info
    return read_entry(entry, pipes=True)


def _converted(item: Item, conf: FormatConf) -> np.ndarray:
    """(N,) float64 at ``conf.sample_rate``."""
    try:
        samples, rate = _read(item)
        refuse_not_finite(samples, item.entry)
    except AudioError as error:
        raise DataError(f"{item.key}: {error}") from None
    except ValueError as error:
        raise DataError(f"{item.key}: segment: {error}; fix its line in segments.") from None
    channel = conf.channel if samples.shape[1] > 1 else 0
    if channel >= samples.shape[1]:
        raise DataError(
            f"{item.key}: '{item.entry}' has {samples.shape[1]} channels; --channel {channel} is not there."
        )
    # Played ``speed`` times as fast: the file is read as if it had been recorded at a higher rate.
    signal = resample(samples[:, channel], round(rate * item.voice.speed), conf.sample_rate)
    if len(signal) == 0:
        raise DataError(f"{item.key}: '{item.entry}' is empty; drop the key (utils/fix_data_dir.sh).")
    if item.voice.formants != 1.0:
        signal = move_formants(signal, conf.sample_rate, item.voice.formants)
    return signal


def _states(entry: str) -> list[dict[str, int]]:
    """Sizes and times of the files that an entry reads, of a command of those among its words: other audio has others."""
    words = entry.split() if is_pipe(entry) else [file_of(entry)]
    states = map(os.stat, filter(os.path.isfile, words))
    return [{"mtime_ns": state.st_mtime_ns, "size": state.st_size} for state in states]


def original_of(path: str) -> str:
    """The entry that stage 2 has made a file of; any other entry as it is."""
    file = Path(path)
    stamp = file.parent / f"{file.stem}{STAMP}"
    if not is_plain_file(path) or not stamp.is_file():
        return path
    suffix, _, made_from = stamp.read_bytes().partition(b" ")
    return json.loads(made_from)[0] if f".{suffix.decode()}" == file.suffix else path


@dataclass(frozen=True)
class Made:
    """A file that stage 2 has written, now or before."""

    path: Path
    num_samples: int
    is_float: bool
    was_there: bool


def _make(item: Item, conf: FormatConf, folder: Path) -> Made:
    """Write an audio, and beside it from what and into which file.

    Samples are 16 bit where that holds them. Others are float: a clipped mixture is no sum of its sources any
    more, and each file brought to a level of its own is none either.
    """
    stamp = folder / f"{item.new_key}{STAMP}"
    changes = map(astuple, filter(None, (item.voice, item.segment)))
    source = json.dumps([item.entry, *_states(item.entry), *changes, conf.sample_rate, conf.channel])
    if stamp.is_file():
        suffix, _, made_from = stamp.read_text(encoding="utf-8").partition(" ")
        if made_from == source and is_there(made := folder / f"{item.new_key}.{suffix}"):
            info = read_info(made, item.new_key)
            if info.is_float or suffix == conf.audio_format:
                return Made(made, info.num_samples, info.is_float, True)
            made.unlink()
    stamp.unlink(missing_ok=True)  # a kill between the two must not leave it beside a new file
    signal = _converted(item, conf)
    peak = float(np.max(np.abs(signal)))
    if peak > OVERLOAD:
        raise DataError(
            f"{item.key}: '{item.entry}' reaches {peak:.0f}, while full scale is 1; floats in the range of "
            "int16 must be divided by 32768, as by the line: "
            f"sox -v {2**-15} {item.entry.rstrip(' |')} -t wav - |"
        )
    as_float = peak > 1.0 or 0.0 < peak < QUIET_PEAK
    output = folder / f"{item.new_key}.{'wav' if as_float else conf.audio_format}"
    write_audio(output, signal, conf.sample_rate, as_float)
    with atomic_write(stamp) as file:
        file.write(f"{output.suffix[1:]} {source}")
    return Made(output, len(signal), as_float, False)


def format_shard(directory: Path, output_dir: Path, conf: FormatConf, shard: int, num_shards: int) -> None:
    """Format the audio of one shard and list it in ``output_dir/format/<shard>/``.

    A file that an earlier run has produced from the same line with the same settings is not written again, unless size or
    time of the recording have changed since. Behind a fault the other recordings are formatted, until ``SHOWN`` have one.

    Args:
        shard: 1 .. num_shards.
    Raises:
        DataError: recordings are missing, cannot be read, are empty or hold NaN; names each with its list and key.
    """
    items = take_shard(list_items(directory, conf), (shard, num_shards))
    lists: dict[str, dict[str, str]] = {}
    lengths: dict[str, int] = {}
    headers: dict[str, AudioInfo] = {}
    counts = {"used in place": 0, "written": 0, "kept from an earlier run": 0}
    floats: list[str] = []
    faults: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            num_samples = _stays_in_place(item, conf, headers)
            if num_samples is not None:
                path = item.entry
                counts["used in place"] += 1
            else:
                made = _make(item, conf, output_dir / "audio" / Path(item.scp).stem)
                path, num_samples = str(made.path), made.num_samples
                counts["kept from an earlier run" if made.was_there else "written"] += 1
                floats += [item.new_key] if made.is_float else []
        except DataError as error:
            listed = SPEAKER_ENROLLMENTS if item.scp == ENROLLMENT_POOL else item.scp
            faults.append(f"{directory / listed}: {error}")
            if len(faults) == SHOWN:
                break
            continue
        lists.setdefault(item.scp, {})[item.new_key] = path
        if item.scp == MIXTURE_SCP:
            lengths[item.new_key] = num_samples
        if number % PROGRESS_EVERY == 0:
            logging.info(f"shard {shard}/{num_shards}: {number}/{len(items)} audio files")
    refuse_all(faults)
    shard_dir = output_dir / SHARDS / str(shard)
    shutil.rmtree(shard_dir, ignore_errors=True)
    for name, entries in lists.items():
        write_scp(shard_dir / name, entries)
    write_scp(shard_dir / NUM_SAMPLES, lengths)
    written = ", ".join(f"{count} {what}" for what, count in counts.items())
    logging.info(f"{directory} shard {shard}/{num_shards}: audio files {written}")
    if floats:
        logging.info(
            f"{len(floats)} of them hold 32-bit float, for their peak is above full scale or below "
            f"{QUIET_PEAK}, first '{floats[0]}'"
        )


def merge_shards(directory: Path, output_dir: Path, conf: FormatConf, num_shards: int) -> int:
    """Join the shards and bring over the other lists.

    Mixtures with several targets become a row for each, see ``with_all_targets``.

    Returns:
        keys of the merged ``wav.scp``.
    Raises:
        DataError: a shard is missing, or lacks keys.
    """
    expected: dict[str, set[str]] = {}
    for item in list_items(directory, conf):
        expected.setdefault(item.scp, set()).add(item.new_key)
    merged: dict[str, dict[str, str]] = {name: {} for name in [*expected, NUM_SAMPLES]}
    for shard in range(1, num_shards + 1):
        shard_dir = output_dir / SHARDS / str(shard)
        if not (shard_dir / NUM_SAMPLES).is_file():
            raise DataError(
                f"{shard_dir}: shard {shard} of {num_shards} has not run to its end; run it again."
            )
        for name in merged:
            if (shard_dir / name).is_file():
                merged[name].update(read_scp(shard_dir / name))
    for name, keys in expected.items():
        missing = sorted(keys - merged[name].keys())
        if missing or len(keys) != len(merged[name]):
            raise DataError(
                f"{output_dir / SHARDS}: {name} holds {len(merged[name])} of {len(keys)} keys, first missing "
                f"{missing[:1]}; run all {num_shards} shards with the same options again."
            )
    pool = merged.pop(ENROLLMENT_POOL, None)
    for path in numbered_scps(directory, "enroll_spk"):  # lines that list no audio
        starred = {key: entry for key, entry in read_scp(path).items() if entry.startswith("*")}
        merged.setdefault(path.name, {}).update(starred)
    # All is read before anything is written: a fault leaves no directory that looks formatted.
    others, copies = _other_files(directory, conf.voices)
    lists = with_all_targets({**others, **merged})
    lists["spk2utt"] = turned_round(lists["utt2spk"])
    left_out = [name for name in OF_THE_FIRST_TARGET if name in others and name not in lists]
    if left_out:
        logging.warning(
            f"{directory}: {', '.join(left_out)} left out, for the set has several targets a mixture"
        )
    speakers = {} if pool is None else read_speaker_enrollments(directory / SPEAKER_ENROLLMENTS)
    shutil.rmtree(output_dir / ".unfiltered", ignore_errors=True)
    if pool is not None:
        rewritten = {s: [[uid, pool[uid]] for uid, _ in pairs] for s, pairs in speakers.items()}
        write_json(output_dir / SPEAKER_ENROLLMENTS, rewritten)
    for path in copies:
        with atomic_write(output_dir / path.name, "wb") as file:
            file.write(path.read_bytes())
    mixtures = lists.pop(MIXTURE_SCP)
    for name, entries in [*lists.items(), (MIXTURE_SCP, mixtures)]:  # the last one completes it
        write_scp(output_dir / name, entries)
    return len(mixtures)


def _times_of(path: Path) -> dict[str, Times | None]:
    """Values of a list in seconds that other speeds change; of all other lists none."""
    if path.name == ACTIVITY:
        return read_activity(path)
    if path.name != DURATIONS:
        return {}
    times: dict[str, Times | None] = {}
    for key, value in read_scp(path).items():
        try:
            times[key] = ((0.0, float(value)),)
        except ValueError:
            raise DataError(f"{path}: key '{key}': '{value}' is no duration in seconds.") from None
    return times


def _of_voice(name: str, value: str, times: Times | None, voice: Voice) -> str:
    """The value of a list for a perturbed row.

    ``utt2regions`` stays in seconds of the unperturbed recordings: regions shrink alike and stay disjoint.
    """
    if name in SPEAKER_LISTS:
        return voice.name(value)
    if not times or voice.speed == 1.0:
        return value
    changed = [(start / voice.speed, end / voice.speed) for start, end in times]
    return activity_line(changed) if name == ACTIVITY else f"{changed[0][1]:.4f}"


def _other_files(directory: Path, voices: list[Voice]) -> tuple[Lists, list[Path]]:
    """Lists by key with the perturbed keys too, by name, and the files that are copied as they are."""
    copies: list[Path] = []
    lists: Lists = {}
    for path in sorted(directory.iterdir()):
        name = path.name
        if not path.is_file() or name.startswith(".") or name.endswith(".scp"):
            continue
        if name in (SEGMENTS, "spk2utt", SPEAKER_ENROLLMENTS, NUM_SAMPLES):
            continue
        if not (name.startswith(("utt2", "text"))):
            copies.append(path)
            continue
        entries, times = read_keyed(path), _times_of(path)
        lists[name] = {
            voice.name(key): _of_voice(name, value, times.get(key), voice)
            for voice in voices
            for key, value in entries.items()
        }
    if "utt2spk" not in lists:
        raise DataError(f"{directory / 'utt2spk'}: no such file; run stage 1 (data).")
    return lists, copies
