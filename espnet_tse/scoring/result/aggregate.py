"""From utterances to a table row: means with intervals, corpus word error rates, failure shares."""

from dataclasses import dataclass, field

import numpy as np

from espnet_tse.scoring.asr.leakage import leaked_words
from espnet_tse.scoring.asr.text import NORMALISERS, RATES, split_units
from espnet_tse.scoring.asr.wer import WordErrors, align_words
from espnet_tse.scoring.measure.card import MetricCard
from espnet_tse.scoring.measure.failure import EST, NOT_APPLICABLE, REF, Fault, Outcome
from espnet_tse.scoring.measure.registry import MEASURES, METRICS
from espnet_tse.scoring.result.bootstrap import interval_of_mean, interval_of_ratio
from espnet_tse.scoring.result.buckets import bucket_labels, keys_by_bucket
from espnet_tse.scoring.result.names import system_name
from espnet_tse.scoring.result.protocol import WORDS_VERSION
from espnet_tse.scoring.result.reference_systems import is_mixture
from espnet_tse.scoring.result.remarks import MARK_SHARE, remarks_on
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record

FAIL_SHARE = 0.10  # above: the command ends with an error


@dataclass
class WordColumn:
    """``wer_<tag>`` or ``dwer_<tag>`` of all utterances."""

    name: str
    tag: str
    smoke_test: bool
    hypotheses: dict[str, str] = field(default_factory=dict)  # raw
    references: dict[str, str] = field(default_factory=dict)  # raw
    errors: dict[str, WordErrors | None] = field(default_factory=dict)  # None: excluded, or no target
    faults: dict[str, Fault] = field(default_factory=dict)
    excluded_insertions: int = 0


@dataclass
class LeakColumn:
    """``leak_<tag>``: the interferer's words in the text of the estimate."""

    name: str
    tag: str
    counts: dict[str, tuple[int, int] | None] = field(default_factory=dict)  # heard, own; None: none to hear
    faults: dict[str, Fault] = field(default_factory=dict)


@dataclass
class Summary:
    """All that the result files hold besides the utterances."""

    metrics: dict[str, dict]
    wer: dict[str, dict]
    words: list[WordColumn]
    leaks: list[LeakColumn]
    coverage: dict[str, int]
    labels: dict[str, dict[str, str]]  # key -> bucket -> label
    buckets: dict[str, list[dict]]
    warnings: list[str]
    too_many_failures: list[str]


def card_of(plan: ScoringPlan, column: str) -> MetricCard:
    """Card of a column: of the registry (``pesq_al`` has that of ``pesq``), or of a file of scores."""
    if column in plan.scores:
        return plan.scores[column].card
    return METRICS[column if column in METRICS else column.removesuffix("_al")]


def add_external(plan: ScoringPlan, records: dict[str, Record]) -> None:
    """Put the scores from files among the outcomes."""
    for column, scores in plan.scores.items():
        for key, record in records.items():
            record.outcomes[column] = (
                Outcome(None, Fault(REF, record.absent_fault))
                if record.absent_fault
                else scores.outcome(key, record.estimate_fault)
            )


def columns_of(records: dict[str, Record]) -> list[str]:
    """Metric columns, the same in every record."""
    return list(next(iter(records.values())).outcomes)


def _shares(excluded: int, penalised: int, expected: int) -> dict:
    share = max(excluded, penalised) / expected if expected else 0.0
    counts = {"n_expected": expected, "n_penalized": penalised, "n_excluded": excluded}
    return {**counts, "marked": share > MARK_SHARE}


def _mean(values: dict[str, float], speakers: dict[str, str] | None) -> dict:
    """Mean with its interval; ``speakers`` given: they are what the bootstrap resamples."""
    array = np.array(list(values.values()), dtype=np.float64)
    return {
        "mean": float(array.mean()) if len(array) else None,
        "ci95": interval_of_mean(array, [speakers[key] for key in values] if speakers else None),
        "n": len(array),
    }


def summarise(card: MetricCard, outcomes: dict[str, Outcome], speakers: dict[str, str] | None) -> dict:
    """One entry of ``metrics`` in result.json."""
    outcomes = {key: outcome for key, outcome in outcomes.items() if outcome.applicable}
    kept = {key: outcome.value for key, outcome in outcomes.items() if not outcome.excluded}
    values = np.array(list(kept.values()), dtype=np.float64)
    entry = _mean(kept, speakers)
    statistics = {"std": np.std, "median": np.median, "min": np.min, "max": np.max}
    entry |= {name: float(function(values)) if kept else None for name, function in statistics.items()}
    entry |= _shares(len(outcomes) - len(kept), sum(o.penalised for o in outcomes.values()), len(outcomes))
    entry["higher_is_better"] = card.higher_is_better
    if card.measure in MEASURES:
        entry["version"] = MEASURES[card.measure].version
    else:
        entry["external"] = card.title
    if card.name == "len_ratio" and kept:
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
                if record.target_absent:
                    column.hypotheses[key], column.references[key], column.errors[key] = estimate, "", None
                    doubt = record.absent_fault
                    column.faults[key] = (
                        Fault(REF, doubt) if doubt else Fault(NOT_APPLICABLE, "the target is absent")
                    )
                    continue
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


def leak_columns(plan: ScoringPlan, words: list[WordColumn]) -> list[LeakColumn]:
    """Words of the interferer in the texts of every recogniser whose errors against ``--text`` are counted."""
    normalise, unit = NORMALISERS[plan.options.text_norm], plan.options.unit
    columns = []
    for source in words if plan.interferer_text else []:
        if source.name != f"{RATES[unit]}_{source.tag}":
            continue
        column = LeakColumn(f"leak_{source.tag}", source.tag)
        for key, hypothesis in source.hypotheses.items():
            texts = (plan.text.get(key, ""), plan.interferer_text[key], hypothesis)
            heard, own = leaked_words(*(split_units(normalise(text), unit) for text in texts))
            fault = source.faults.get(key)
            if fault and fault.kind == EST:  # a missing estimate must not look clean
                heard, column.faults[key] = own, fault
            column.counts[key] = (heard, own) if own else None
        columns.append(column)
    return columns


def summarise_leak(column: LeakColumn, text_norm: str, speakers: dict[str, str] | None) -> dict:
    """One entry of ``wer`` in result.json; the headline is the share over all words."""
    kept = {key: count for key, count in column.counts.items() if count}
    own = sum(count for _, count in kept.values())
    clusters = [speakers[key] for key in kept] if speakers else None
    return {
        "corpus": sum(heard for heard, _ in kept.values()) / own if own else None,
        "ci95": interval_of_ratio(*zip(*kept.values()), clusters) if kept else None,
        "nref": own,
        "n": len(kept),
        **_shares(0, sum(key in column.faults for key in kept), len(kept)),
        "norm": text_norm,
        "asr": column.tag,
        "smoke_test": False,
        "higher_is_better": False,
    }


def summarise_words(column: WordColumn, text_norm: str, speakers: dict[str, str] | None) -> dict:
    """One entry of ``wer`` in result.json; the headline is the corpus rate (S+D+I)/N."""
    kept = {key: errors for key, errors in column.errors.items() if errors is not None}
    counts = [(errors.errors, errors.num_reference) for errors in kept.values()]
    total = sum(n for _, n in counts)
    penalised = sum(column.faults[key].kind == EST for key in kept if key in column.faults)
    clusters = [speakers[key] for key in kept] if speakers else None
    over_1 = sum(e > n for e, n in counts)
    quiet = sum(
        column.faults[key].kind == EST and errors.errors <= errors.num_reference
        for key, errors in kept.items()
        if key in column.faults
    )
    inapplicable = sum(fault.kind == NOT_APPLICABLE for fault in column.faults.values())
    excluded = len(column.errors) - len(kept) - inapplicable
    return {
        "corpus": sum(e for e, _ in counts) / total if total else None,
        "ci95": interval_of_ratio(*zip(*counts), clusters) if counts else None,
        "sub": sum(e.substitutions for e in kept.values()),
        "del": sum(e.deletions for e in kept.values()),
        "ins": sum(e.insertions for e in kept.values()),
        "nref": total,
        "mean_utt": float(np.mean([e / n for e, n in counts])) if counts else None,
        "n_over_1": over_1,
        # An output that fails must not look cleaner than one that is heard wrongly.
        "hallucination_rate": (over_1 + quiet) / len(counts) if counts else None,
        "n": len(kept),
        **_shares(excluded, penalised, len(kept) + excluded),
        "ins_excluded": column.excluded_insertions,
        "version": WORDS_VERSION,
        "norm": text_norm,
        "asr": column.tag,
        "smoke_test": column.smoke_test,
        "higher_is_better": False,
    }


def bucket_summaries(
    plan: ScoringPlan, records: dict[str, Record], words: list[WordColumn], labels: dict[str, dict[str, str]]
) -> dict[str, list[dict]]:
    """Bucket -> its parts, each with label, number of utterances and the mean of every judged metric."""
    speakers = plan.speakers if plan.options.ci_unit == "spk" else None
    judged = [column for column in columns_of(records) if card_of(plan, column).direction != "none"]
    buckets = {}
    for name, parts in keys_by_bucket(labels).items():
        buckets[name] = []
        for label, keys in parts.items():
            metrics = {}
            for column in judged:
                outcomes = {key: records[key].outcomes[column] for key in keys}
                entry = _mean({key: o.value for key, o in outcomes.items() if o.value is not None}, speakers)
                metrics |= {column: entry} if entry["n"] else {}
            for column in words:
                rates = {key: column.errors[key] for key in keys if column.errors[key] is not None}
                if rates:
                    counts = zip(*((errors.errors, errors.num_reference) for errors in rates.values()))
                    errors, total = map(list, counts)
                    clusters = [speakers[key] for key in rates] if speakers else None
                    mean, ci95 = sum(errors) / sum(total), interval_of_ratio(errors, total, clusters)
                    metrics[column.name] = {"mean": mean, "ci95": ci95, "n": len(rates)}
            buckets[name].append({"label": label, "n": len(keys), "metrics": metrics})
    return buckets


def scores_mixtures(records: dict[str, Record]) -> bool:
    """Whether all estimates that can be used are the mixtures."""
    usable = [record for record in records.values() if record.estimate_fault is None]
    return bool(usable) and all("equals_mixture" in record.flags for record in usable)


def coverage_of(plan: ScoringPlan, records: dict[str, Record], judged: dict[str, dict]) -> dict[str, int]:
    """How much of the list the table rests on; penalties and exclusions of the metric that has most of them."""
    return {
        "expected": len(records),
        "missing": sum(u.inf is None for u in plan.utterances),
        "target_absent": sum(r.target_absent and not r.absent_fault for r in records.values()),
        "penalized": max((entry["n_penalized"] for entry in judged.values()), default=0),
        "excluded": max((entry["n_excluded"] for entry in judged.values()), default=0),
    }


def aggregate(plan: ScoringPlan, records: dict[str, Record]) -> Summary:
    """Means, intervals and remarks over all utterances (in byte order of their keys)."""
    records = {u.key: records[u.key] for u in plan.utterances}
    speakers = plan.speakers if plan.options.ci_unit == "spk" else None
    metrics = {
        column: summarise(
            card_of(plan, column), {key: r.outcomes[column] for key, r in records.items()}, speakers
        )
        for column in columns_of(records)
    }
    words = word_columns(plan, records)
    leaks = leak_columns(plan, words)
    wer = {column.name: summarise_words(column, plan.options.text_norm, speakers) for column in words}
    wer |= {column.name: summarise_leak(column, plan.options.text_norm, speakers) for column in leaks}
    labels = {key: bucket_labels(record, plan.genders.get(key)) for key, record in records.items()}

    judged = {
        name: entry
        for name, entry in metrics.items()
        if card_of(plan, name).direction != "none" or name in plan.scores
    } | wer
    failures = [
        name
        for name, entry in judged.items()
        if max(entry["n_penalized"], entry["n_excluded"]) > FAIL_SHARE * entry["n_expected"]
    ]
    marked = [name for name, entry in judged.items() if entry["marked"]]
    return Summary(
        metrics=metrics,
        wer=wer,
        words=words,
        leaks=leaks,
        coverage=coverage_of(plan, records, judged),
        labels=labels,
        buckets=bucket_summaries(plan, records, words, labels),
        warnings=remarks_on(
            records, metrics, marked, plan.options.ref_channel, is_mixture(system_name(plan.options))
        ),
        too_many_failures=failures,
    )
