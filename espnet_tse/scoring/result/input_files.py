"""Inputs that lie in the output folder: a result must not take their place."""

from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.text import RATES
from espnet_tse.scoring.result.column_files import files_of_column
from espnet_tse.scoring.run.plan import ScoringPlan


def input_files(plan: ScoringPlan) -> set[Path]:
    """All lists, transcripts and scores that the options name."""
    given = vars(plan.options).values()
    places = [item for value in given for item in (value if isinstance(value, tuple) else (value,))]
    places += [path for spec in plan.asr for path in (spec.estimate_text, spec.target_text)]
    places += [scores.path for scores in plan.scores.values()]
    return {place.resolve() for place in places if isinstance(place, Path)}


def check_inputs_stay(plan: ScoringPlan) -> None:
    """Refuse to overwrite an input.

    Raises:
        DataError: a result would have the name of a file that is read.
    """
    rate = RATES[plan.options.unit]
    columns = [name for metric in plan.worker.metrics for name in (metric, f"{metric}_al")]
    columns += plan.scores
    columns += [f"{kind}_{spec.tag}" for spec in plan.asr for kind in (rate, f"d{rate}", "leak")]
    names = {"result.json", "scores.jsonl", "failed"}.union(*map(files_of_column, columns))
    inputs = input_files(plan)
    for path in (plan.options.output_dir / name for name in sorted(names)):
        if path.resolve() in inputs:
            raise DataError(
                f"{path}: is read here, and the results would overwrite it; give another --output_dir, or move it."
            )
