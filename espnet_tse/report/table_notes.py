"""The lines below a table: how its figures were obtained and how far they can be trusted."""

from typing import Any

from espnet_tse.report.collect import ComparableGroup
from espnet_tse.report.columns import LEAK, first_holders, is_smoke_test, model_of, speaker_metrics
from espnet_tse.report.results_table import Table, build_row
from espnet_tse.report.row_notes import grouped, other_versions, package_versions
from espnet_tse.report.score_command import score_command
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.scored_set import ScoredSet
from espnet_tse.scoring.run.presets import PRESETS

# Cosine between different clean speakers (scoring.md, section 5.5): "no similarity" is not 0.
CHANCE_LEVEL = {"resemblyzer": 0.55}


def notes(group: ComparableGroup, tables: list[Table]) -> list[str]:
    """Footer lines: how the figures came about and how far they may be trusted."""
    # A system's row, if there is one, is the typical one; references may lack inputs.
    meta = group.results[-1].meta
    settings = meta.get("settings") or {}
    units = units_of_intervals(group.results)
    lines = [f"Cells are mean ±half of the 95 % bootstrap interval over {units}; – is not measured."]
    lines += presets(group.results, policies(settings))
    if settings.get("bandwidth") == "8k":
        lines.append("bw=8k: the data are below 16 kHz; not comparable with 16 kHz results.")
    lines += rates(settings)
    lines += recognisers(group.results)
    lines += speaker_models(tables)
    lines += marks(group, tables)
    columns = [column for table in tables for column in table.columns]
    remarks: list[tuple[str, str]] = []
    for result in group.results:
        row = build_row(result, columns)
        details = [detail] if (detail := coverage_detail(result)) else []
        remarks += [(row.system, remark) for remark in (*details, *row.flags, *result.warnings)]
    lines += grouped(remarks)
    lines += unequal_sets(group.results)
    lines += [f"n/a: {line}" for line in grouped((meta.get("not_available") or {}).items())]
    lines += other_versions(group.results)
    versions = package_versions(meta)
    if versions:
        lines.append("Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    shown = group.results[-1]
    command = meta.get("command") or score_command(meta, shown.folder)
    if command:
        lines.append(f"Command of {shown.system}: {command}")
    return lines


def units_of_intervals(results: list[ScoredSet]) -> str:
    """What the bootstrap resampled, with the systems where rows differ."""
    systems: dict[str, list[str]] = {}
    for result in results:
        is_speaker = (result.meta.get("settings") or {}).get("ci_unit") == "spk"
        systems.setdefault("target speakers" if is_speaker else "utterances", []).append(result.system)
    named = [f"{unit} ({', '.join(who)})" if len(systems) > 1 else unit for unit, who in systems.items()]
    return " or ".join(named)


def marks(group: ComparableGroup, tables: list[Table]) -> list[str]:
    """What bold and the marks of rows mean, where they occur; and which figures a failure may flatter."""
    rows = [row for table in tables for row in table.rows if not row.is_paper]
    entries = [entry for result in group.results for entry in {**result.metrics, **result.wer}.values()]
    failures = any(entry.get("n_penalized") or entry.get("n_excluded") for entry in entries)
    lines = []
    if failures or any(row.flags for row in rows):
        line = "Bold: best of the systems that are not flagged and have no penalised and no further excluded "
        line += "utterance in that column"
        line += "; †: more than 1 % penalised or excluded" if any(row.dagger for row in rows) else ""
        lines.append(line + ("; ‡: flagged, see below" if any(row.flags for row in rows) else ""))
    # Leakage charges a failure with all words, the worst possible value; a word error rate has no worst.
    words = [item for result in group.results for item in result.wer.items()]
    if any(entry.get("n_penalized") for name, entry in words if not name.startswith(LEAK)):
        lines.append(
            "Word errors: a missing or failed output counts as an empty text, all words deleted (100 %); a "
            "hallucination may have more errors than that, so a missing output may lower the rate"
        )
    return lines


def presets(results: list[ScoredSet], policies: str) -> list[str]:
    """Which preset the rows are of, and which of them were scored without some of its metrics."""
    systems: dict[str, list[str]] = {}
    lacking = []
    for result in results:
        name = str(result.meta.get("preset", "not recorded"))
        systems.setdefault(name, []).append(result.system)
        if text := lacking_of_preset(result, name):
            lacking.append((result.system, text))
    named = [name if len(systems) == 1 else f"{name} ({', '.join(who)})" for name, who in systems.items()]
    return [f"Preset: {', '.join(named)}{policies}", *grouped(lacking)]


def lacking_of_preset(result: ScoredSet, preset: str) -> str:
    """The metrics of a preset that a result lacks, "" if none; as the shorter list, of what is there or not.

    Metrics of absent targets are not expected.
    """
    if preset not in PRESETS:
        return ""
    wanted = [name for name in PRESETS[preset].metrics if METRICS[name].when != "absent"]
    if "pesq_nb" in result.metrics:  # data below 16 kHz have it instead
        wanted = [name for name in wanted if name != "pesq"]
    there = [name for name in wanted if name in result.metrics]
    lacks = [name for name in wanted if name not in there]
    if PRESETS[preset].asr:
        (there if result.wer else lacks).append("word errors")
    if not lacks:
        return ""
    if len(there) < len(lacks):
        return f"only {', '.join(there) or 'none'} of preset {preset}"
    return f"without {', '.join(lacks)} of preset {preset}"


def rates(settings: dict[str, Any]) -> list[str]:
    """At which sample rate the columns were computed, where that is not 16 kHz for all of them."""
    rate = settings.get("rate", 16000)
    if rate == 16000:
        return []
    shown = " and ".join(map(str, rate)) if isinstance(rate, list) else rate
    return [
        f"Sample rate: SI-SDR, SDR, STOI, ESTOI and what is derived from them are computed at the data's own {shown} Hz; "
        "PESQ-nb at 8 kHz and everything else at 16 kHz, to which signals are resampled."
    ]


def policies(settings: dict[str, Any]) -> str:
    """Length, level and alignment policy of a run, as far as it was recorded."""
    found = [f"{name} {settings[name]}" for name in ("length", "level", "align") if settings.get(name)]
    return f"; {', '.join(found)}" if found else ""


def recognisers(results: list[ScoredSet]) -> list[str]:
    notes = []
    for tag, result in first_holders(results, "wer").items():
        entry = result.wer[tag]
        note = f"recogniser {entry.get('asr', tag)}, text normaliser {entry.get('norm', 'not recorded')}"
        if is_smoke_test(tag, result):
            note += " (* smoke test: this recogniser is too weak for results, it misreads even clean speech)"
        notes.append((tag, note))
    return grouped(notes)


def unequal_sets(results: list[ScoredSet]) -> list[str]:
    """A warning where rows of one table were not scored on the same utterances."""
    keys = {result.system: frozenset(str(row["utt"]) for row in result.utterances) for result in results}
    known = {system: found for system, found in keys.items() if found}
    everywhere = frozenset.intersection(*known.values()) if known else frozenset()
    differing = [f"{system} {len(found)}" for system, found in known.items() if found != everywhere]
    if not differing:
        return []
    return [
        f"WARNING: not all rows cover the same utterances ({len(everywhere)} in common; "
        f"{', '.join(differing)}): they must not be compared."
    ]


def speaker_models(tables: list[Table]) -> list[str]:
    shown = {column.name for table in tables for column in table.columns}
    results = [row.result for table in tables for row in table.rows]
    models = sorted({model_of(name) for name in shown & speaker_metrics(results)})
    lines = []
    for model in models:
        line = f"Speaker model {model}: cosine, est. vs target (spk) and vs enrollment (spk_enroll)"
        if model.endswith("01"):
            line = line.replace("cosine", "(cosine + 1) / 2")
        if model in CHANCE_LEVEL:
            line += f"; two different speakers reach about {CHANCE_LEVEL[model]:.2f}, not 0"
        lines.append(line)
    return lines


def coverage_detail(result: ScoredSet) -> str:
    """For example ``2 of 60 penalised (pesq, stoi), 1 excluded (estoi)``."""
    parts = []
    entries = {**result.metrics, **result.wer}
    for field_name, word in (("n_penalized", "penalised"), ("n_excluded", "excluded")):
        counts: dict[int, list[str]] = {}
        for name, entry in entries.items():
            if entry.get(field_name):
                counts.setdefault(int(entry[field_name]), []).append(name)
        for count, names in sorted(counts.items(), reverse=True):
            shown = "all metrics" if len(names) == len(entries) else ", ".join(sorted(names))
            parts.append(f"{count} of {result.meta.get('n', '?')} {word} ({shown})")
    return ", ".join(parts)
