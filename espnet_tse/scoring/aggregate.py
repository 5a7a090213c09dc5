"""From utterances to a table row: means with intervals, corpus word error rates, failure shares."""

from dataclasses import dataclass, field

import numpy as np

from espnet_tse.scoring.bootstrap import interval_of_mean, interval_of_ratio
from espnet_tse.scoring.failure import EST, REF, Fault, Outcome
from espnet_tse.scoring.plan import ScoringPlan
from espnet_tse.scoring.registry import MEASURES, METRICS
from espnet_tse.scoring.text import NORMALISERS, RATES, split_units
from espnet_tse.scoring.wer import WordErrors, align_words
from espnet_tse.scoring.worker import Record

MARK_SHARE = 0.01  # above: the row carries a dagger
FAIL_SHARE = 0.10  # above: the command ends with an error


@dataclass
class WordColumn:
    """``wer_<tag>`` or ``dwer_<tag>`` of all utterances."""

    name: str
    tag: str
    smoke_test: bool
    hypotheses: dict[str, str] = field(default_factory=dict)  # raw
    references: dict[str, str] = field(default_factory=dict)  # raw
    errors: dict[str, WordErrors | None] = field(default_factory=dict)  # None: excluded
    faults: dict[str, Fault] = field(default_factory=dict)
    excluded_insertions: int = 0


@dataclass
class Summary:
    """All that the result files hold besides the utterances."""

    metrics: dict[str, dict]
    wer: dict[str, dict]
    words: list[WordColumn]
    warnings: list[str]
    too_many_failures: list[str]


def base_name(column: str) -> str:
    """Registry name of a column (``pesq_al`` -> ``pesq``)."""
    return column if column in METRICS else column.removesuffix("_al")


def columns_of(records: dict[str, Record]) -> list[str]:
    """Metric columns, the same in every record."""
    return list(next(iter(records.values())).outcomes)


def _shares(excluded: int, penalised: int, total: int) -> dict:
    share = max(excluded, penalised) / total
    return {"n_penalized": penalised, "n_excluded": excluded, "marked": share > MARK_SHARE}


def summarise(column: str, outcomes: dict[str, Outcome], speakers: dict[str, str] | None) -> dict:
    """One entry of ``metrics`` in result.json; ``speakers`` given: they are what the bootstrap resamples."""
    card = METRICS[base_name(column)]
    kept = {key: outcome.value for key, outcome in outcomes.items() if not outcome.excluded}
    values = np.array(list(kept.values()), dtype=np.float64)
    some = len(values) > 0
    entry = {
        "mean": float(values.mean()) if some else None,
        "std": float(values.std()) if some else None,
        "median": float(np.median(values)) if some else None,
        "min": float(values.min()) if some else None,
        "max": float(values.max()) if some else None,
        "ci95": interval_of_mean(values, [speakers[key] for key in kept] if speakers else None),
        "n": len(values),
        **_shares(len(outcomes) - len(values), sum(o.penalised for o in outcomes.values()), len(outcomes)),
        "higher_is_better": card.higher_is_better,
        "version": MEASURES[card.measure].version,
    }
    if card.name == "len_ratio" and some:
        entry["share_outside"] = float(np.mean((values < 0.9) | (values > 1.1)))
    return entry


def word_columns(plan: ScoringPlan, records: dict[str, Record]) -> list[WordColumn]:
    """Align texts of estimates with their references, for every recogniser."""
    normalise = NORMALISERS[plan.options.text_norm]
    unit = plan.options.unit
    columns = []
    for spec in plan.asr:
        external = plan.external.get(spec.tag)
        kinds = [("wer", plan.text)] if plan.text else []
        if external is None and plan.options.ref_scp:
            kinds.append(("dwer", None))
        elif external is not None and "target" in external:
            kinds.append(("dwer", external["target"]))
        for kind, texts in kinds:
            column = WordColumn(f"{kind.replace('wer', RATES[unit])}_{spec.tag}", spec.tag, spec.smoke_test)
            for key, record in records.items():
                estimate, fault = _hypothesis(record, spec.tag, external)
                if texts is not None:
                    reference, data_fault = texts[key], None
                else:
                    reference, data_fault = (
                        record.texts[spec.tag].get("target"),
                        record.text_faults.get("target"),
                    )
                _add(column, key, reference, estimate, fault, data_fault, normalise, unit)
            columns.append(column)
    return columns


def _hypothesis(record: Record, tag: str, external: dict | None) -> tuple[str, str | None]:
    """Text of the estimate, and why it is empty if that is a failure."""
    if external is None:
        return record.texts[tag].get("estimate", ""), record.text_faults.get("estimate")
    if record.estimate_fault:
        # A text for an estimate that is missing or silent here is none of this system's.
        return "", record.estimate_fault
    if record.key not in external["estimate"]:
        return "", "no line in the external text"
    return external["estimate"][record.key], None


def _add(column, key, reference, estimate, fault, data_fault, normalise, unit) -> None:
    column.hypotheses[key], column.references[key] = estimate, reference or ""
    words, heard = (split_units(normalise(text), unit) for text in (reference or "", estimate))
    if data_fault or not words:
        column.errors[key] = None
        column.faults[key] = Fault(REF, f"ref: {data_fault}" if data_fault else "empty reference text")
        column.excluded_insertions += len(heard)
        return
    column.errors[key] = align_words(words, heard)
    if fault:
        column.faults[key] = Fault(EST, f"estimate: {fault}")


def summarise_words(column: WordColumn, text_norm: str, speakers: dict[str, str] | None) -> dict:
    """One entry of ``wer`` in result.json; the headline is the corpus rate (S+D+I)/N."""
    kept = {key: errors for key, errors in column.errors.items() if errors is not None}
    counts = [(errors.errors, errors.num_reference) for errors in kept.values()]
    total = sum(n for _, n in counts)
    penalised = sum(column.faults[key].kind == EST for key in kept if key in column.faults)
    clusters = [speakers[key] for key in kept] if speakers else None
    return {
        "corpus": sum(e for e, _ in counts) / total if total else None,
        "ci95": interval_of_ratio(*zip(*counts), clusters) if counts else None,
        "sub": sum(e.substitutions for e in kept.values()),
        "del": sum(e.deletions for e in kept.values()),
        "ins": sum(e.insertions for e in kept.values()),
        "nref": total,
        "mean_utt": float(np.mean([e / n for e, n in counts])) if counts else None,
        "n_over_1": sum(e > n for e, n in counts),
        "n": len(kept),
        **_shares(len(column.errors) - len(kept), penalised, len(column.errors)),
        "ins_excluded": column.excluded_insertions,
        "norm": text_norm,
        "asr": column.tag,
        "smoke_test": column.smoke_test,
        "higher_is_better": False,
    }


def aggregate(plan: ScoringPlan, records: dict[str, Record]) -> Summary:
    """Means, intervals and warnings over all utterances (in byte order of their keys)."""
    records = {u.key: records[u.key] for u in plan.utterances}
    speakers = plan.speakers if plan.options.ci_unit == "spk" else None
    metrics = {
        column: summarise(column, {key: r.outcomes[column] for key, r in records.items()}, speakers)
        for column in columns_of(records)
    }
    words = word_columns(plan, records)
    wer = {column.name: summarise_words(column, plan.options.text_norm, speakers) for column in words}

    warnings, failures = [], []
    judged = {name: entry for name, entry in metrics.items() if METRICS[base_name(name)].direction != "none"}
    for name, entry in {**judged, **wer}.items():
        share = max(entry["n_penalized"], entry["n_excluded"]) / len(records)
        if share > FAIL_SHARE:
            failures.append(name)
    marked = [name for name, entry in {**judged, **wer}.items() if entry["marked"]]
    if marked:
        warnings.append(f"more than 1 % penalised or excluded in {', '.join(marked)}: marked in the results")
    for flag, meaning in (
        (
            "multichannel",
            f"multi-channel audio; channel {plan.options.ref_channel} was scored (--ref_channel)",
        ),
        ("beyond_full_scale", "samples beyond +-1, clipped for networks and recognisers"),
    ):
        count = sum(flag in record.flags for record in records.values())
        if count:
            warnings.append(f"{count} of {len(records)} utterances: {meaning}")
    return Summary(metrics, wer, words, warnings, failures)
