"""Checks of a data directory that open its audio: headers, levels, and the mixture against its sources."""

import hashlib
import math
from dataclasses import dataclass
from typing import Collection

import numpy as np

from espnet_tse.data.audio_files import read_info, read_samples
from espnet_tse.data.findings import WARNING, Report
from espnet_tse.data.scp_fields import MixtureRow
from espnet_tse.io.audio_entry import AudioInfo
from espnet_tse.io.scp import DataError

SILENCE_DBFS = -70.0  # RMS below which a signal counts as silent
CLIPPED_SHARE = 0.001  # of the samples at full scale
FULL_SCALE = 0.9999
OVERLOAD = 10.0  # peak of floats from which on full scale cannot be 1; those of int16 range reach 32768
SHORTEST_ENROLLMENT_S = 0.5
SUM_ERROR_DB = -35.0  # residual of mixture - sum of sources against the mixture; 16 bit reaches -60


@dataclass(frozen=True)
class AudioLimits:
    """What the audio of a set must be."""

    sample_rate: int | None = None  # Hz, None: that of the first file
    full: bool = True  # read the samples, not only the headers
    sum_error_db: float = SUM_ERROR_DB


def check_headers(
    report: Report, fields: dict[str, dict[str, str]], limits: AudioLimits
) -> dict[str, dict[str, AudioInfo]]:
    """Readable, one sample rate, mono, not empty.

    Args:
        fields: scp name -> key -> path.
    Returns:
        The readable part of it as headers.
    """
    readable = report.check(
        "audio readable", "make or fetch the file again, or drop the key (utils/fix_data_dir.sh)"
    )
    rates = report.check("sample rate", "run stage 2 (format_data) with --sample_rate, and use its output")
    mono = report.check("one channel", "run stage 2 (format_data), which picks one channel")
    empty = report.check("not empty", "drop the key, or make the file again")
    wanted = limits.sample_rate
    seen: dict[str, AudioInfo | str] = {}
    infos: dict[str, dict[str, AudioInfo]] = {}
    for name, entries in fields.items():
        infos[name] = {}
        for key, path in entries.items():
            readable.num_checked += 1
            if path not in seen:
                try:
                    seen[path] = read_info(path, key)
                except DataError as error:
                    seen[path] = str(error)
            info = seen[path]
            if isinstance(info, str):
                readable.offend(key, f"{name}: {info}")
                continue
            infos[name][key] = info
            wanted = wanted or info.sample_rate
            for check in (rates, mono, empty):
                check.num_checked += 1
            if info.sample_rate != wanted:
                rates.offend(key, f"{name}: {info.sample_rate} Hz, but {wanted} Hz is wanted ({path})")
            if info.num_channels != 1:
                mono.offend(key, f"{name}: {info.num_channels} channels ({path})")
            if info.num_samples == 0:
                empty.offend(key, f"{name}: no samples ({path})")
    rates.note = f"{wanted} Hz"
    return infos


def check_lengths(report: Report, infos: dict[str, dict[str, AudioInfo]], mixture_name: str) -> None:
    """References as long as the mixture, enrollments long enough, utt2num_samples true."""
    lengths = report.check(
        "length of sources = mixture",
        "cut or pad the sources when mixing; stage 2 keeps lengths that are right",
    )
    short = report.check(
        f"enrollment >= {SHORTEST_ENROLLMENT_S} s", "choose a longer enrollment, or drop the key", WARNING
    )
    mixtures = infos.get(mixture_name, {})
    for name, entries in infos.items():
        for key, info in entries.items():
            if name.startswith("enroll"):
                short.num_checked += 1
                if info.num_samples < SHORTEST_ENROLLMENT_S * info.sample_rate:
                    short.offend(key, f"{name}: {info.num_samples / info.sample_rate:.2f} s")
            elif name != mixture_name and key in mixtures:
                lengths.num_checked += 1
                expected = mixtures[key].num_samples
                if info.num_samples != expected:
                    lengths.offend(key, f"{name}: {info.num_samples} samples, the mixture has {expected}")


def _dbfs(samples: np.ndarray) -> float:
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


def check_samples(
    report: Report,
    fields: dict[str, dict[str, str]],
    infos: dict[str, dict[str, AudioInfo]],
    absent: Collection[str] = (),
    responses: str | None = None,
) -> dict[str, str]:
    """NaN, silence, clipping and scale; each file is read once, however many keys share it.

    Args:
        absent: keys whose target says nothing, and has to be silent.
        responses: the scp of room impulse responses, silent but for their first milliseconds.
    Returns:
        path -> hash of its samples without the zeros around them, of targets and enrollments.
    """
    finite = report.check("no NaN or infinity", "make the file again; float files can hold what PCM cannot")
    silent = report.check(
        f"not silent (> {SILENCE_DBFS:.0f} dBFS)", "drop the key, or take another utterance"
    )
    silent_other = report.check("interferers not silent", "mix with another utterance", WARNING)
    clipped = report.check("not clipped", "mix at a lower level, or write float files", WARNING)
    scale = report.check("full scale is 1", "divide floats in the range of int16 by 32768")
    done: set[str] = set()
    contents: dict[str, str] = {}
    compared = {
        path
        for name, entries in fields.items()
        if name.startswith(("spk", "enroll"))
        for path in entries.values()
    }
    for name, entries in fields.items():
        other = name.startswith(("spk", "noise")) and name != "spk1.scp"
        for key, path in entries.items():
            info = infos[name].get(key)
            if info is None or info.num_channels != 1 or info.num_samples == 0 or path in done:
                continue
            done.add(path)
            try:
                samples = read_samples(path, key, info.sample_rate)
            except DataError as error:  # a good header, and then nothing that can be decoded
                report["audio readable"].offend(key, f"{name}: {error}")
                continue
            level_check = silent_other if other else silent
            for check in (finite, level_check, clipped, scale):
                check.num_checked += 1
            if path in compared:
                contents[path] = hashlib.sha1(np.trim_zeros(samples).tobytes()).hexdigest()
            if not np.isfinite(samples).all():
                finite.offend(key, f"{name}: {int((~np.isfinite(samples)).sum())} samples ({path})")
                continue
            level = _dbfs(samples)
            if name == "spk1.scp" and key in absent:
                if level > -math.inf:
                    level_check.offend(
                        key, f"{name}: {level:.1f} dBFS, but its utt2activity is none ({path})"
                    )
            elif level == -math.inf or (level < SILENCE_DBFS and name != responses):
                level_check.offend(key, f"{name}: {level:.1f} dBFS ({path})")
            peak = float(np.max(np.abs(samples)))
            if peak > OVERLOAD:
                scale.offend(key, f"{name}: samples reach {peak:.0f} ({path})")
            # Floats are clipped where they were converted to integers, at full scale exactly; others go
            # beyond it.
            share = float(np.mean(np.abs(samples) >= FULL_SCALE))
            if share > CLIPPED_SHARE and peak <= 1.0:
                clipped.offend(key, f"{name}: {100 * share:.2f} % of the samples at full scale ({path})")
    return contents


def check_sums(
    report: Report,
    rows: list[MixtureRow],
    infos: dict[str, dict[str, AudioInfo]],
    limits: AudioLimits,
    strict: bool,
) -> None:
    """Mixture = target + interferers + noises, where all sources are listed.

    Args:
        strict: an offender is an error; else a warning, for a set that does not say whether its scps
            name everything that was mixed.
    """
    check = report.check(
        "mixture = sum of its sources",
        "write the sources as they entered the mixture (level, offset), and name every noise in noise1.scp; where targets are "
        "dry on purpose, or noises are not kept, nothing is wrong",
        "error" if strict else WARNING,
    )
    check.note = f"residual <= {limits.sum_error_db:g} dB"
    if not rows or rows[0].target is None or not rows[0].interferers:
        check.note = "spk1.scp and spk2.scp are not both given"
        return
    for row in rows:
        info = infos["wav.scp"].get(row.key)
        paths = [row.target, *row.interferers, *row.noises]
        if info is None or info.num_channels != 1:
            continue
        try:
            mixture = read_samples(row.mixture, row.key, info.sample_rate).astype(np.float64)
            sources = [read_samples(path, row.key, info.sample_rate) for path in paths]
        except DataError:
            continue  # reported by the header checks
        if any(len(source) != len(mixture) for source in sources) or not np.isfinite(mixture).all():
            continue  # reported by the length and NaN checks
        check.num_checked += 1
        residual_db = _dbfs(mixture - np.sum(sources, axis=0)) - max(_dbfs(mixture), -200.0)
        if not residual_db <= limits.sum_error_db:
            check.offend(row.key, f"residual {residual_db:.1f} dB of the mixture")
