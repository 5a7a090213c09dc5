"""Extraction of many mixtures: batching, resuming, measuring."""

import logging
import resource
import sys
import time
from pathlib import Path
from typing import Mapping, TypeVar

import numpy as np
import torch

from espnet_tse.io.audio import is_unbounded, read_audio, write_audio
from espnet_tse.io.audio_entry import AudioInfo, read_info
from espnet_tse.io.files import is_there, write_json
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.io.shard import take_shard
from espnet_tse.io.wav_header import is_whole
from espnet_tse.models.long_form import Effort
from espnet_tse.schema import Estimate
from espnet_tse.schema.presence import Presence
from espnet_tse.tasks.extraction_lists import (
    Lists,
    check_target_lengths,
    named,
    read_enrollment,
    read_lists,
    read_mixture,
)
from espnet_tse.tasks.extraction_record import begin_record
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.kept_inputs import refuse_input_lists, refuse_inputs
from espnet_tse.tasks.length_batches import length_batches, read_infos, unfinished
from espnet_tse.tasks.long_recording import Mixture, extract_long, headroom, is_long
from espnet_tse.tasks.presence_record import (
    PRESENCE,
    add_presences,
    presence_in_file,
    read_presences,
    tell_of_quiet,
    tell_presences,
    warn_of_short_speech,
    write_presences,
)
from espnet_tse.tasks.recording_faults import warn_of_low_rates, warn_of_own_enrollments
from espnet_tse.tasks.signal_faults import check_signal

Value = TypeVar("Value")
ESTIMATES_SCP = "wav.scp"
SECOND_SCP = "second.scp"  # the other talkers of a separation
SECOND_TALKER = "utt2second_talker"  # whether each mixture of a separation has a second talker: true or false


def extract_file(extractor: Extractor, mixture: str, enrollment: str | None, output: str) -> None:
    """Extract one file at its own sample rate; estimates of mixtures in floats have more than 16 bits.

    How much of the enrollment is speech, and whether its voice is in the output, is told. Of a separation the other talker is
    written beside ``output``, with ``_second`` behind its stem.
    """
    path = Path(output)
    check_enrollment(extractor, enrollment, "name one behind the mixture", "leave it out")
    check_truth(extractor, None)
    paths = [path, *([second_file(path)] if extractor.conf.task == "ss" else [])]
    inputs = {"mixture": mixture, **({} if enrollment is None else {"enrollment": enrollment})}
    refuse_inputs(paths, inputs)
    info = read_info(mixture)
    warn_of_low_rates({mixture: info}, extractor.sample_rate)
    cue = None
    if enrollment is not None:
        warn_of_own_enrollments({mixture: (mixture, enrollment)})
        name = f"enrollment {enrollment}"
        cue = read_enrollment(enrollment, name, extractor.sample_rate, info.sample_rate)
    started = time.perf_counter()
    if long := is_long(extractor, info):
        result = extract_long(extractor, Mixture(mixture, info, "utt", f"mixture {mixture}"), cue, path)
    else:
        signal = check_signal(read_audio(mixture)[0], f"mixture {mixture}", info.sample_rate)
        waveforms, result = extractor.extract_one(signal, info.sample_rate, cue)
        for place, waveform in zip(paths, waveforms):
            write_estimate(place, waveform, info.sample_rate, info.is_float)
    duration = info.num_samples / info.sample_rate
    logging.info(
        f"{', '.join(map(str, paths))}: {duration:.2f} s of audio in {time.perf_counter() - started:.2f} s"
    )
    if cue is not None:
        presence = (
            presence_in_file(extractor, path, cue, result) if long else extractor.presence(result, [cue])[0]
        )
        logging.info(presence.sentence(extractor.presence_judge.threshold))
        tell_of_quiet({output: presence}, extractor.conf.level)
        warn_of_short_speech({f"enrollment {enrollment}": presence.speech_s})


def extract_scp(
    extractor: Extractor,
    mixture_scp: str,
    enroll_scp: str | None,
    output_dir: Path,
    batch_size: int,
    shard: tuple[int, int] | None,
    embedding_scp: str | None = None,
    oracle_target_scp: str | None = None,
) -> None:
    """Extract every key of ``mixture_scp``; keys whose file is there already are not decoded again.

    Writes ``<key>.wav``, ``wav.scp`` and ``decode.json`` (real-time factor, function evaluations,
    token rate, peak memory) below ``output_dir``, or below ``output_dir/J`` for shard J; of a separation also
    ``<key>_second.wav``, ``second.scp`` and ``utt2second_talker``; of extractions by an enrollment ``presence.jsonl``. The
    last two also keep what is known of other keys whose estimates are there.
    ``embedding_scp`` holds embeddings of the enrollments for systems that want them, ``oracle_target_scp`` the clean targets,
    as long as the mixtures, for settings that are told the truth. Estimates are 16 bit, of mixtures in floats float.

    Raises:
        DataError: embeddings that the system does not take, keys without enrollment, dynamic enrollments, targets of other
            lengths, an output that is an input; recordings that cannot be used, all of them together and before anything is
            extracted; an estimate with NaN.
    """
    if batch_size < 1:
        raise DataError(f"--batch_size is {batch_size}, want 1 or more.")
    if enroll_scp is not None and not extractor.wants_enrollment:
        logging.info(f"task {extractor.conf.task} takes no enrollments: {enroll_scp} is not read")
        enroll_scp = None
    check_enrollment(extractor, enroll_scp, "give --enroll_scp", "")
    if embedding_scp is not None and not (enroll_scp and extractor.takes_embeddings):
        raise DataError(
            f"--embedding_scp {embedding_scp}: {extractor.name} takes no embeddings (speaker_encoder: given) for task "
            f"{extractor.conf.task}; leave it out."
        )
    check_truth(extractor, oracle_target_scp)
    inputs = (mixture_scp, enroll_scp, embedding_scp, oracle_target_scp)
    refuse_input_lists(output_dir, shard, (ESTIMATES_SCP, SECOND_SCP, SECOND_TALKER), inputs)
    lists = read_lists(mixture_scp, enroll_scp, embedding_scp, oracle_target_scp)
    folder = output_dir if shard is None else output_dir / str(shard[0])
    files = {key: folder / f"{key}.wav" for key in take_shard(list(lists.mixtures), shard)}
    places = {key: [file] for key, file in files.items()}
    separated = extractor.conf.task == "ss"
    if separated:
        places = {key: [file, second_file(file)] for key, file in files.items()}
        refuse_same_files(files)
    refuse_inputs([place for both in places.values() for place in both], lists.roles())
    try:
        infos = read_infos(list(files), lists.mixtures)
    except DataError:
        lists.check(list(files))  # which tells faults of enrollments, and those behind a good header, too
        raise
    if lists.targets is not None:
        check_target_lengths(infos, read_infos(list(files), lists.targets), extractor.sample_rate)
    begin_record(folder, extractor, {key: lists.entries(key) for key in files}, files)
    presences = read_presences(folder)
    if is_there(folder / PRESENCE):
        write_presences(folder, presences)  # without a line that was cut
    told = read_scp(folder / SECOND_TALKER) if separated and is_there(folder / SECOND_TALKER) else {}
    # What is known of a mixture is written behind its files: a run may have been killed between them.
    known = told if separated else presences if lists.enrollments is not None else places
    todo = {key for key, both in places.items() if not all(map(is_whole, both)) or key not in known}
    logging.info(
        f"{len(todo)} of {len(files)} mixtures to extract, {len(files) - len(todo)} are there already"
    )
    long = {key for key in infos if is_long(extractor, infos[key])}
    together = length_batches({key: info for key, info in infos.items() if key not in long}, batch_size)
    batches = unfinished([*together, *([key] for key in infos if key in long)], todo)
    lists.check([key for keys in batches for key in keys])
    warn_of_low_rates(infos, extractor.sample_rate)
    if lists.enrollments is not None:
        warn_of_own_enrollments({key: (lists.mixtures[key], lists.enrollments[key]) for key in files})
    measured = dict.fromkeys(("num_utterances", "audio_s", "wall_s", "function_evaluations", "num_frames"), 0)
    for keys in batches:
        extract = extract_alone if keys[0] in long else extract_together
        effort, seconds, found = extract(extractor, lists, keys, infos, places)
        if separated:
            told |= {key: str(one).lower() for key, one in zip(keys, effort.diagnostics["second_talker"])}
            write_scp(folder / SECOND_TALKER, told)
        if found:
            presences |= found
            add_presences(folder, found)
        measured["wall_s"] += seconds
        measured["audio_s"] += sum(infos[key].num_samples / infos[key].sample_rate for key in keys)
        measured["num_utterances"] += len(keys)
        measured["function_evaluations"] += effort.num_function_evaluations
        measured["num_frames"] += effort.diagnostics.get("num_frames", 0)
        log_progress(measured, sum(map(len, batches)))
    write_scp(folder / ESTIMATES_SCP, files)
    if separated:
        write_scp(folder / SECOND_SCP, {key: second_file(file) for key, file in files.items()})
        write_scp(folder / SECOND_TALKER, with_others(told, files, folder))
    if presences := with_others(presences, files, folder):
        write_presences(folder, presences)
        of_list = {key: presences[key] for key in files if key in presences}
        tell_presences(of_list)
        tell_of_quiet(
            {f"output of '{key}'": presence for key, presence in of_list.items()}, extractor.conf.level
        )
    report = folder / "decode.json"
    if batches or not is_there(report):  # a run with nothing to do keeps the figures of the one before
        write_json(report, {**summary({**measured, **process_peaks()}), "settings": vars(extractor.conf)})


def with_others(known: Mapping[str, Value], files: Mapping[str, Path], folder: Path) -> dict[str, Value]:
    """What is known of the keys of ``files``, and before it of other keys whose estimates are still in the folder."""
    others = {
        key: value for key, value in known.items() if key not in files and is_there(folder / f"{key}.wav")
    }
    return others | {key: known[key] for key in files if key in known}


def check_enrollment(extractor: Extractor, given: str | None, add: str, remove: str) -> None:
    """DataError where an enrollment is given and the task has none, or the other way round.

    Args:
        add, remove: what to do about it.
    """
    if extractor.wants_enrollment == (given is not None):
        return
    task = extractor.conf.task
    fault = f"wants enrollments; {add}" if extractor.wants_enrollment else f"takes no enrollments; {remove}"
    raise DataError(f"task {task} {fault}.")


def check_truth(extractor: Extractor, oracle_target_scp: str | None) -> None:
    """DataError where the settings ask for the true targets and none are given, or the other way round."""
    if extractor.conf.wants_truth and oracle_target_scp is None:
        raise DataError(
            "ratio: oracle wants the true targets; give them by key (--mixture_scp ... --oracle_target_scp), or take "
            "ratio: predicted."
        )
    if oracle_target_scp is not None and not extractor.conf.wants_truth:
        raise DataError(
            f"--oracle_target_scp {oracle_target_scp}: these settings do not read the truth; leave it out, or set ratio: "
            "oracle in --inference_config."
        )


def second_file(path: Path) -> Path:
    """Where the other talker of a separation is written."""
    return path.with_name(f"{path.stem}_second{path.suffix}")


def refuse_same_files(files: dict[str, Path]) -> None:
    """DataError where one key's first talker and another one's second would be one file."""
    seconds = {second_file(file): key for key, file in files.items()}
    for key, file in files.items():
        if file in seconds:
            raise DataError(
                f"keys '{key}' and '{seconds[file]}' of a separation would both be written to {file}; rename one of them."
            )


def extract_together(
    extractor: Extractor,
    lists: Lists,
    keys: list[str],
    infos: dict[str, AudioInfo],
    places: dict[str, list[Path]],
) -> tuple[Estimate, float, dict[str, Presence]]:
    """Extract a batch and write its files; what it took, the seconds of the extraction alone, and what of the voices is known.

    Args:
        places: key -> where each of its talkers is written.
    """
    rate = extractor.sample_rate
    wanted, embeddings = lists.cues({key: infos[key] for key in keys}, rate)
    signals = [read_mixture(lists.mixtures[key], rate, key) for key in keys]
    truth = lists.truth(keys, rate)
    started = time.perf_counter()
    estimate = extractor.extract(signals, wanted, keys, embeddings, truth, checked=True)
    waveforms = [estimate.waveform.cpu().numpy()]
    if estimate.second is not None:
        waveforms.append(estimate.second.cpu().numpy())
    seconds = time.perf_counter() - started
    for row, (key, signal) in enumerate(zip(keys, signals)):
        if all(map(is_whole, places[key])):
            continue
        for place, rows in zip(places[key], waveforms):
            write_estimate(place, rows[row, : len(signal)], rate, infos[key].is_float)
    presences = {}
    if wanted is not None:
        presences = dict(zip(keys, extractor.presence(estimate, wanted, extractor.tells_presence)))
    return estimate, seconds, presences


def extract_alone(
    extractor: Extractor,
    lists: Lists,
    keys: list[str],
    infos: dict[str, AudioInfo],
    places: dict[str, list[Path]],
) -> tuple[Effort, float, dict[str, Presence]]:
    """As ``extract_together``, of one mixture that is longer than a chunk; reading and writing count."""
    [key], rate = keys, extractor.sample_rate
    wanted, embeddings = lists.cues({key: infos[key] for key in keys}, rate)
    mixture = Mixture(lists.mixtures[key], infos[key], key, f"mixture of '{key}'")
    started = time.perf_counter()
    with named(key, mixture.entry):
        effort = extract_long(
            extractor, mixture, wanted and wanted[0], places[key][0], rate, embeddings and embeddings[0]
        )
    seconds = time.perf_counter() - started
    presences = {}
    if wanted is not None:
        compare = extractor.tells_presence
        presences[key] = presence_in_file(extractor, places[key][0], wanted[0], effort, compare)
    return effort, seconds, presences


def write_estimate(path: Path, signal: np.ndarray, sample_rate: int, as_float: bool) -> None:
    """Write (N,); as integers it is turned down where it leaves [-1, 1], and that is told."""
    if not is_unbounded(path, as_float):
        signal = signal * np.float32(headroom(float(np.abs(signal).max()), path))
    write_audio(path, signal, sample_rate, as_float)


def log_progress(measured: dict, total: int) -> None:
    done, rtf = measured["num_utterances"], measured["wall_s"] / max(measured["audio_s"], 1e-9)
    remaining = measured["wall_s"] / done * (total - done)
    logging.info(f"{done}/{total} extracted, RTF {rtf:.3f}, {remaining:.0f} s to go")


def process_peaks() -> dict[str, float]:
    """Peak memory of this process, MiB; ``gpu_peak_mb`` only where it has used a GPU, which need not be the first."""
    # Linux counts in KiB, macOS in bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peaks = {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    if torch.cuda.is_initialized():
        used = map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count()))
        peaks["gpu_peak_mb"] = max(used) / 2**20
    return peaks


def summary(measured: dict) -> dict:
    """Totals with the ratios that a reader wants."""
    audio, wall = measured["audio_s"], measured["wall_s"]
    return {
        **measured,
        "rtf": wall / audio if audio else None,
        "frames_per_s": measured["num_frames"] / wall if wall else None,
    }
