"""Options that contradict each other or lack a companion; what their files hold is checked where they are read."""

import re

from espnet_tse.io.scp import DataError
from espnet_tse.io.shard import parse_shard
from espnet_tse.scoring.asr.text import NORMALISERS, RATES
from espnet_tse.scoring.run.absent_targets import SILENT
from espnet_tse.scoring.run.options import ScoringOptions

ALLOWED = {
    "length": ("ref", "min", "strict"),
    "align": ("none", "xcorr"),
    "missing": ("error", "penalize"),
    "ci_unit": ("utt", "spk"),
    "text_norm": ("auto", *NORMALISERS),
    "unit": tuple(RATES),
}


def check_options(options: ScoringOptions) -> None:
    """Check the options, with the preset's defaults filled in, before any file is read.

    Raises:
        DataError: which option, and what it needs.
    """
    _check_values(options)
    _check_estimates(options)
    _check_absent(options)
    _check_activity(options)
    _check_companions(options)
    _check_folders(options)


def _check_values(options: ScoringOptions) -> None:
    """Values that one option may have."""
    if not re.fullmatch(r"none|peak|rms:-?[0-9]+(\.[0-9]*)?", options.level):
        raise DataError(f"--level {options.level}: use none, peak or rms:<dBFS>, e.g. rms:-26.")
    for name, allowed in ALLOWED.items():
        value = getattr(options, name)
        if value not in allowed:
            raise DataError(f"--{name} {value}: use one of {', '.join(allowed)}.")
    if options.candidates < 1:
        raise DataError(
            f"--candidates {options.candidates}: must be at least 1 (1: no choice among candidates)."
        )
    if options.nj < 1:
        raise DataError(f"--nj {options.nj}: must be at least 1.")
    if options.shard:
        parse_shard(options.shard)


def _check_estimates(options: ScoringOptions) -> None:
    if (options.inf_scp is None) == (options.inf_dir is None):
        raise DataError("estimates: give either --inf_scp or --inf_dir.")


def _check_absent(options: ScoringOptions) -> None:
    if options.absent and not options.mix_scp:
        raise DataError("--absent: the estimates are compared with the mixture; give --mix_scp.")
    if options.absent == SILENT and not options.ref_scp:
        raise DataError(
            f"--absent {SILENT}: means targets that are digital silence; give --ref_scp, or a list of keys."
        )


def _check_activity(options: ScoringOptions) -> None:
    if options.vad_activity and not options.activity:
        raise DataError(
            "--vad_activity: the times of the estimates are compared with those of the targets; give --activity."
        )


def _check_companions(options: ScoringOptions) -> None:
    """Options that mean nothing without another one."""
    if options.ci_unit == "spk" and not options.utt2spk:
        raise DataError("--ci_unit spk resamples target speakers: give --utt2spk (key -> target speaker).")
    if options.spk2gender and not (options.utt2spk and options.intf_utt2spk):
        raise DataError(
            "--spk2gender: needs --utt2spk (target speakers) and --intf_utt2spk (interfering speakers)."
        )
    if options.intf_text and not options.text:
        raise DataError("--intf_text: word leakage needs --text (of the target) as well.")
    if options.shard and not options.resume:
        raise DataError(
            "--resume false: one part must not forget what the others have scored; leave it out, and remove "
            f"{options.output_dir / '.cache'} before the first part."
        )
    if options.align != "none" and not options.ref_scp:
        raise DataError("--align xcorr aligns with the target: give --ref_scp.")


def _check_folders(options: ScoringOptions) -> None:
    for name in ("model_dir", "dnsmos_dir"):
        folder = getattr(options, name)
        if folder is not None and not folder.is_dir():
            raise DataError(
                f"--{name} {folder}: no such folder; fix the path (doc/metrics.md says what it holds)."
            )
