"""Which metrics are computed: what preset and ``--metrics`` ask for, less what the inputs or this machine lack."""

import logging
from dataclasses import dataclass
from typing import Collection

from espnet_tse.io.nearest_name import nearest_name
from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.text import RATES
from espnet_tse.scoring.measure.card import MetricCard
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, needed_measure
from espnet_tse.scoring.measure.weights import missing_parts
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.presets import PRESETS

log = logging.getLogger("espnet_tse.scoring")

# Role of an input in a metric's card -> the option that gives it, where that is not --<role>_scp.
_OPTION = {
    "absent": "--absent",
    "utt2rtf": "--utt2rtf",
    "activity": "--activity",
    "vad": "--vad_activity",
}


def asked_by_files(options: ScoringOptions) -> set[str]:
    """Metrics for whose sake alone a file was given, which says that they are wanted."""
    given = {"utt2rtf": options.utt2rtf, "activity": options.activity, "vad": options.vad_activity}
    needed = {name: given.keys() & set(card.inputs) for name, card in METRICS.items()}
    return {name for name, roles in needed.items() if roles and all(given[role] for role in roles)}


def select_metrics(
    preset: str, metrics: str, asked: Collection[str] = ()
) -> tuple[tuple[str, ...], set[str]]:
    """Names to compute and those among them that were asked for by name.

    Args:
        metrics: "a,b" replaces the preset, "+a,-b" changes it.
        asked: what is wanted besides, unless "-name" takes it away.
    Raises:
        DataError: unknown metric, or both forms mixed.
    """
    items = [item.strip() for item in metrics.split(",") if item.strip()]
    changes = [item for item in items if item[0] in "+-"]
    if changes and len(changes) != len(items):
        raise DataError(
            f"--metrics {metrics}: either plain names (replace the preset) or +name/-name, not both."
        )
    names = [*(PRESETS[preset].metrics if changes or not items else ()), *asked]
    explicit = set()
    for item in items:
        name = item.lstrip("+-")
        if name not in METRICS:
            near = nearest_name(name, METRICS)
            hint = f" (did you mean '{near}'?)" if near else ""
            raise DataError(f"--metrics: unknown metric '{name}'{hint}; --list_metrics names them all.")
        if item.startswith("-"):
            names = [n for n in names if n != name]
        else:
            explicit.add(name)
            names += [name] if name not in names else []
    # The registry's order is the order of the columns.
    return tuple(n for n in METRICS if n in names), explicit


@dataclass(frozen=True)
class Obstacle:
    """Why a metric cannot be computed."""

    reason: str
    is_of_machine: bool = False  # a package or weights are missing: --skip_unavailable goes on without


def drop_impossible(
    names: tuple[str, ...],
    explicit: set[str],
    options: ScoringOptions,
    low_band: bool,
    missing_recognisers: dict[str, str],
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Metrics that can be computed, and why the others cannot (column -> reason).

    Args:
        names: wanted metrics.
        explicit: those of them that were asked for by name.
        low_band: the data are below 16 kHz.
        missing_recognisers: tag -> why it cannot run.
    Raises:
        DataError: a metric was asked for by name, or lacks a package or weights without ``--skip_unavailable``.
    """
    # Without --absent nobody expects its metrics: they are logged, but the results do not list them.
    unexpected = {
        name: "needs --absent"
        for name in names
        if not (options.absent or options.activity)
        and METRICS[name].when == "absent"
        and name not in explicit
    }
    names = tuple(name for name in names if name not in unexpected)
    if low_band and not options.allow_upsample and "pesq" in names:
        names = tuple(name for name in METRICS if name in (set(names) - {"pesq"}) | {"pesq_nb"})
    found = {name: _obstacle(METRICS[name], options, low_band) for name in names}
    obstacles = {name: obstacle for name, obstacle in found.items() if obstacle}
    _refuse(obstacles, explicit, options, missing_recognisers)
    reasons = {f"{RATES[options.unit]}_{tag}": reason for tag, reason in missing_recognisers.items()}
    reasons |= {name: obstacle.reason for name, obstacle in obstacles.items()}
    _log_reasons(reasons | unexpected)
    return tuple(name for name in names if name not in obstacles), reasons


def _obstacle(card: MetricCard, options: ScoringOptions, low_band: bool) -> Obstacle | None:
    given = {
        "inf": True,
        "ref": options.ref_scp is not None,
        "mix": options.mix_scp is not None,
        "enroll": options.enroll_scp is not None,
        "intf": bool(options.intf_scp),
        "absent": bool(options.absent or options.activity),
        "activity": options.activity is not None,
        "vad": options.vad_activity is not None,
        "utt2rtf": options.utt2rtf is not None,
    }
    lacking = [_OPTION.get(role, f"--{role}_scp") for role in card.inputs if not given[role]]
    if lacking:
        return Obstacle(f"needs {' and '.join(lacking)}")
    if card.unit == "MOS" and low_band and not options.allow_upsample:
        return Obstacle("data below 16 kHz (--allow_upsample computes it all the same)")
    missing = missing_parts(MEASURES[needed_measure(card)], options.places)
    return Obstacle("; ".join(missing), is_of_machine=True) if missing else None


def _refuse(
    obstacles: dict[str, Obstacle],
    explicit: set[str],
    options: ScoringOptions,
    missing_recognisers: dict[str, str],
) -> None:
    """Raise one error of all obstacles that must not be passed over in silence."""
    errors = []
    if not options.skip_unavailable:
        errors += [f"{reason}, or pass --skip_unavailable" for reason in missing_recognisers.values()]
    for name, obstacle in obstacles.items():
        if name in explicit:
            errors.append(f"{name} was asked for by name but {obstacle.reason}")
        elif obstacle.is_of_machine and not options.skip_unavailable:
            errors.append(f"{name}: {obstacle.reason}, or pass --skip_unavailable")
    if errors:
        raise DataError("cannot score:\n  " + "\n  ".join(errors))


def _log_reasons(reasons: dict[str, str]) -> None:
    """One log line, columns of the same reason together."""
    columns: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        columns.setdefault(reason, []).append(name)
    if columns:
        log.info("n/a: %s", "; ".join(f"{', '.join(same)} ({reason})" for reason, same in columns.items()))
