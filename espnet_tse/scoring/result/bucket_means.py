"""The means of every bucket."""

from espnet_tse.scoring.result.bootstrap import interval_of_ratio
from espnet_tse.scoring.result.buckets import keys_by_bucket
from espnet_tse.scoring.result.means import card_of, columns_of, mean_with_interval
from espnet_tse.scoring.result.word_columns import WordColumn
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record


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
                entry = mean_with_interval(
                    {key: o.value for key, o in outcomes.items() if o.value is not None}, speakers
                )
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
