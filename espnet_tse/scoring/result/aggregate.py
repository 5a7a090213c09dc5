"""From utterances to a table row: means with intervals, corpus word error rates, failure shares."""

from dataclasses import dataclass

from espnet_tse.scoring.measure.failure import Outcome
from espnet_tse.scoring.result.bucket_means import bucket_summaries
from espnet_tse.scoring.result.buckets import bucket_labels
from espnet_tse.scoring.result.coverage import coverage_of
from espnet_tse.scoring.result.means import card_of, columns_of, summarise
from espnet_tse.scoring.result.names import system_name
from espnet_tse.scoring.result.reference_systems import is_mixture
from espnet_tse.scoring.result.remarks import remarks_on
from espnet_tse.scoring.result.word_columns import LeakColumn, WordColumn, leak_columns, word_columns
from espnet_tse.scoring.result.word_rates import summarise_leak, summarise_words
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record

FAIL_SHARE = 0.10  # above: the command ends with an error


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


def add_external(plan: ScoringPlan, records: dict[str, Record]) -> None:
    """Put the scores from files among the outcomes."""
    for column, scores in plan.scores.items():
        for key, record in records.items():
            # Where the target is absent silence is right, and no file says what its figure for that means.
            record.outcomes[column] = (
                Outcome(None, record.absence)
                if record.absence
                else scores.outcome(key, record.estimate_fault)
            )


def scores_mixtures(records: dict[str, Record]) -> bool:
    """Whether all estimates that can be used are the mixtures."""
    usable = [record for record in records.values() if record.estimate_fault is None]
    return bool(usable) and all("equals_mixture" in record.flags for record in usable)


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
    leaks = leak_columns(plan, records, words)
    wer = {column.name: summarise_words(column, plan.options.text_norm, speakers) for column in words}
    wer |= {column.name: summarise_leak(column, plan.options.text_norm, speakers) for column in leaks}
    shared: dict[tuple, dict[str, str]] = {}  # the same few combinations, whatever the number of rows
    labels = {}
    for key, record in records.items():
        own = bucket_labels(record, plan.genders.get(key))
        labels[key] = shared.setdefault(tuple(own.items()), own)

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
