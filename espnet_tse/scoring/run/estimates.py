"""The estimates to score: found by list or folder, and checked against the keys to score."""

import logging
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.audio import is_written
from espnet_tse.scoring.run.audio_lists import files_of_pattern, read_entries
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.shown_keys import some

log = logging.getLogger("espnet_tse.scoring")


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


def present_estimates(
    options: ScoringOptions, where: str, estimates: dict[str, str], keys: list[str]
) -> dict[str, str]:
    """The estimates of ``keys`` whose files exist: all of them, unless ``--missing penalize``.

    Args:
        where: the list or folder of the estimates, for messages.
        estimates: key -> file, as listed.
    Raises:
        DataError: estimates are missing, and they are not to be penalised.
    """
    unlisted = [key for key in keys if key not in estimates]
    absent = [key for key in keys if key in estimates and not is_written(estimates[key])]
    _check_common_keys(options, where, estimates, keys, unlisted)
    if options.missing == "error":
        _refuse_missing(options, where, estimates, keys, unlisted, absent)
    missing = unlisted + absent
    if missing:
        log.warning(
            "%d of %d estimates are missing and get the penalties: %s", len(missing), len(keys), some(missing)
        )
    extra = sorted(set(estimates) - set(keys))
    if extra:
        log.warning(
            "%d keys of %s are not in %s; ignored: %s", len(extra), where, options.ref_scp, some(extra)
        )
    return {key: estimates[key] for key in estimates.keys() - absent}


def _check_common_keys(
    options: ScoringOptions, where: str, estimates: dict[str, str], keys: list[str], unlisted: list[str]
) -> None:
    """Refuse estimates that share no key with what is to be scored: the keys are spelt differently."""
    if not estimates or len(unlisted) < len(keys):
        return
    fix = "write the same keys into both."
    if options.inf_dir is not None:
        fix = (
            "say by --inf_pattern what the files are called around their keys (now "
            f"'{options.inf_pattern}', e.g. '{{utt}}_est.wav')."
        )
    raise DataError(
        f"{where}: no key is in {options.ref_scp or options.absent}: '{min(estimates)}' is one here, "
        f"'{keys[0]}' is one there; {fix}"
    )


def _refuse_missing(
    options: ScoringOptions,
    where: str,
    estimates: dict[str, str],
    keys: list[str],
    unlisted: list[str],
    absent: list[str],
) -> None:
    if unlisted:
        raise DataError(
            f"{where}: lacks {len(unlisted)} of {len(keys)} keys of {options.ref_scp or options.absent}: "
            f"{some(unlisted)}. Decode them, or pass --missing penalize to score them as failures."
        )
    if absent:
        raise DataError(
            f"{where}: {len(absent)} of {len(keys)} files do not exist, are empty or are cut short ({some(absent)}); key "
            f"'{absent[0]}': {estimates[absent[0]]}. Fix the path (relative ones start at {Path.cwd()}), decode them "
            "again, or pass --missing penalize to score them as failures."
        )
