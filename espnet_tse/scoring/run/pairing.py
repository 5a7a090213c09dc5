"""Joins the lists of estimates, targets, mixtures, enrollments and interferers by key."""

import logging
from pathlib import Path

from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.scoring.measure.audio import RATE, AudioError, file_exists, probe, refuse_pipe
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.shown_keys import some

log = logging.getLogger("espnet_tse.scoring")

SILENT = "silent"  # --absent: utterances whose target is digital silence


def read_entries(path: Path) -> dict[str, str]:
    """An scp of audio files.

    Raises:
        DataError: it holds commands or dynamic enrollments, or cannot be read.
    """
    entries = read_scp(path)
    for key, entry in entries.items():
        try:
            refuse_pipe(entry, f"{path}, key '{key}'")
        except AudioError as error:
            raise DataError(str(error)) from None
        if entry.startswith("*"):
            raise DataError(
                f"{path}: key '{key}' is a dynamic enrollment ('{entry}'); scoring needs a fixed file."
            )
    return entries


def files_of_pattern(folder: Path, pattern: str) -> dict[str, str]:
    """Key -> path of the files below ``folder`` that a pattern names.

    Args:
        pattern: relative path with ``{utt}`` once, as ``"{utt}_est.wav"`` or ``"s1/{utt}.wav"``.
    Raises:
        DataError: no folder, no ``{utt}``, or no file of that name.
    """
    before, found, after = pattern.partition("{utt}")
    if not found or "{utt}" in after or Path(pattern).is_absolute():
        raise DataError(
            f"--inf_pattern {pattern}: a path below --inf_dir with {{utt}} once, as '{{utt}}_est.wav'."
        )
    if not folder.is_dir():
        raise DataError(f"--inf_dir {folder}: no such folder; mend the path.")
    entries = {}
    for path in sorted(folder.glob(_literal(before) + "*" + _literal(after))):
        key = path.relative_to(folder).as_posix()[len(before) : -len(after) or None]
        if path.is_file() and key:
            entries[key] = str(path)
    if not entries:
        names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
        held = f"it holds {some(names)}" if names else "it is empty"
        raise DataError(f"--inf_dir {folder}: holds no file '{pattern}'; mend --inf_pattern: {held}.")
    return entries


def _literal(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def read_estimates(options: ScoringOptions) -> tuple[str, dict[str, str]]:
    """Where the estimates are listed, and key -> entry."""
    if options.inf_dir is None:
        if options.inf_scp.is_dir():
            raise DataError(
                f"--inf_scp {options.inf_scp}: is a folder; give a folder of estimates as --inf_dir, or the "
                "list in it."
            )
        return str(options.inf_scp), read_entries(options.inf_scp)
    return str(options.inf_dir), files_of_pattern(options.inf_dir, options.inf_pattern)


def read_keys(path: Path) -> set[str]:
    """First words of the lines of a list.

    Raises:
        DataError: the file is missing or empty.
    """
    try:
        keys = {line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; mend the path.") from None
    if not keys:
        raise DataError(f"{path}: holds no key.")
    return keys


def pair_inputs(options: ScoringOptions) -> tuple[list[Utterance], bool]:
    """All utterances in byte order of their keys, and whether the data are below 16 kHz.

    Raises:
        DataError: a list lacks keys.
    """
    where, inf = read_estimates(options)
    ref = read_entries(options.ref_scp) if options.ref_scp else None
    mix = read_entries(options.mix_scp) if options.mix_scp else {}
    absent = read_keys(Path(options.absent)) if options.absent not in ("", SILENT) else set()
    if unknown := sorted(absent - set(inf) - set(ref or ()) - set(mix)):
        raise DataError(
            f"{options.absent}: {len(unknown)} of its {len(absent)} keys stand in no other list: {some(unknown)}; "
            "mend this list (--absent)."
        )
    wanted = set(inf if ref is None else ref) | absent
    keys = sorted(wanted, key=lambda key: key.encode("utf-8"))
    if not keys:
        raise DataError(f"{options.ref_scp or where}: holds no utterance.")
    inf = _check_estimates(options, where, inf, keys)
    enroll = read_entries(options.enroll_scp) if options.enroll_scp else {}
    for entries, path in ((mix, options.mix_scp), (enroll, options.enroll_scp)):
        without = [key for key in keys if path and key not in entries]
        if without:
            raise DataError(f"{path}: lacks {len(without)} of {len(keys)} keys to score: {some(without)}.")
    interferers = [read_entries(path) for path in options.intf_scp]
    present = [key for key in keys if key not in absent]
    without = [key for key in present if interferers and not any(key in scp for scp in interferers)]
    if without:
        raise DataError(f"--intf_scp: no interferer for {len(without)} of {len(keys)} keys: {some(without)}.")
    # The data decide the bandwidth; an estimate of a lower rate has lost something.
    measure = ref if ref is not None else mix or inf
    utterances, low_band, misnamed = [], False, []
    for key in keys:
        headers = {id(scp): probe(scp[key]) for scp in (inf, measure) if key in scp}
        data = headers.get(id(measure))
        low_band = low_band or (data is not None and data[1] < RATE)
        estimate = headers.get(id(inf))
        if data and estimate and wrong_rate(*estimate, *data):
            misnamed.append(f"'{key}' ({inf[key]}) says {estimate[1]} Hz, the data have {data[1]} Hz")
        utterances.append(
            Utterance(
                key,
                inf.get(key),
                ref.get(key) if ref is not None else None,
                mix.get(key),
                enroll.get(key),
                tuple(scp[key] for scp in interferers if key in scp),
                max((header[0] for header in headers.values() if header), default=0.0),
                key in absent,
            )
        )
    if misnamed:
        log.warning(
            "%d of %d estimates seem to have a wrong sample rate in their header, first %s and as many samples: they "
            "are scored slowed down or sped up; write them again with the true rate",
            len(misnamed),
            len(keys),
            misnamed[0],
        )
    return utterances, low_band


def wrong_rate(duration_s: float, rate: int, data_s: float, data_rate: int) -> bool:
    """Whether an estimate has its data's number of samples but another rate, so another duration.

    An estimate that really is at another rate has the duration of the data.
    """
    return rate != data_rate and abs(duration_s * rate - data_s * data_rate) < 0.02 * data_s * data_rate


def _check_estimates(
    options: ScoringOptions, where: str, inf: dict[str, str], keys: list[str]
) -> dict[str, str]:
    """The estimates whose files are there: a complete set, or ``--missing penalize``."""
    lacking = [key for key in keys if key not in inf]
    if inf and len(lacking) == len(keys):
        mend = "write the same keys into both."
        if options.inf_dir is not None:
            mend = (
                "say by --inf_pattern what the files are called around their keys (now "
                f"'{options.inf_pattern}', e.g. '{{utt}}_est.wav')."
            )
        raise DataError(
            f"{where}: no key is in {options.ref_scp or options.absent}: '{min(inf)}' is one here, '{keys[0]}' is one "
            f"there; {mend}"
        )
    if lacking and options.missing == "error":
        raise DataError(
            f"{where}: lacks {len(lacking)} of {len(keys)} keys of {options.ref_scp or options.absent}: "
            f"{some(lacking)}. Decode them, or pass --missing penalize to score them as failures."
        )
    gone = [key for key in keys if key in inf and not file_exists(inf[key])]
    if gone and options.missing == "error":
        raise DataError(
            f"{where}: {len(gone)} of {len(keys)} files are not there ({some(gone)}); key '{gone[0]}': "
            f"{inf[gone[0]]}. Mend the path (a relative one starts at {Path.cwd()}), or pass --missing penalize to "
            "score them as failures."
        )
    lacking += gone
    if lacking:
        log.warning(
            "%d of %d estimates are missing and get the penalties: %s", len(lacking), len(keys), some(lacking)
        )
    extra = sorted(set(inf) - set(keys))
    if extra:
        log.warning(
            "%d keys of %s are not in %s; ignored: %s", len(extra), where, options.ref_scp, some(extra)
        )
    return {key: inf[key] for key in inf.keys() - gone}
