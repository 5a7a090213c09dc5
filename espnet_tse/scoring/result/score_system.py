"""A whole scoring run of one system: score, aggregate, write the results, keep the caches."""

import fcntl
import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.aggregate import Summary, add_external, aggregate
from espnet_tse.scoring.result.input_files import check_inputs_stay
from espnet_tse.scoring.result.names import system_name, test_set_name
from espnet_tse.scoring.result.result_files import (
    failures,
    remove_foreign_result,
    remove_result,
    write_results,
)
from espnet_tse.scoring.result.summary_text import summary_text
from espnet_tse.scoring.run.cache import abandoned, join_files
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.kept_records import RECORDS
from espnet_tse.scoring.run.runner import score_changed
from espnet_tse.scoring.run.worker import Record

log = logging.getLogger("espnet_tse.scoring")


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{folder.parent}: another scoring run is writing here; wait for it or stop it."
            ) from None
        except OSError as error:
            log.warning(
                "%s: this file system has no locks (%s); do not score twice at once here", folder, error
            )
        yield


def score_system(plan: ScoringPlan) -> int:
    """Score, aggregate, write all files of the output folder.

    Returns:
        0, or 1 when more than a tenth of the utterances failed in some metric (unless ``force``).
    Raises:
        DataError: a result would overwrite an input, or another run writes into the folder.
    """
    own = plan.worker.estimate_cache
    check_inputs_stay(plan)
    with _only_one(own):
        if not plan.options.resume:
            for path in (*own.glob("*.jsonl"), own / RECORDS):
                path.unlink(missing_ok=True)
        remove_foreign_result(plan)
        records, files = score_changed(plan, before_scoring=lambda: remove_result(plan))
        add_external(plan, records)
        summary = aggregate(plan, records)
        write_results(plan, records, summary)
        _join_caches(plan, records, files)
    print(summary_text(system_name(plan.options), test_set_name(plan.options), summary))
    for note in summary.warnings:
        log.warning("%s", note)
    log.info("results: %s", plan.options.output_dir / "result.json")
    if summary.too_many_failures and not plan.options.force:
        _log_failures(plan, records, summary)
        return 1
    return 0


def _join_caches(plan: ScoringPlan, records: dict[str, Record], files: list[Path]) -> None:
    """Make one file of each cache: the system's keeps what this run used, the shared one keeps everything."""
    own, shared = plan.worker.estimate_cache, plan.worker.reference_cache
    parts = list(own.glob("*.jsonl"))
    if shared == own:
        join_files(own, parts)
        return
    # Where nothing was scored the cache stays the file that it is, unread.
    join_files(own, parts, {k for r in records.values() for k in r.estimate_keys} if files else None)
    join_files(shared, {*(path for path in files if path.parent == shared), *abandoned(shared)})


def _log_failures(plan: ScoringPlan, records: dict[str, Record], summary: Summary) -> None:
    """An error with the metrics in which too much failed, and the first failure in one of them."""
    records = {u.key: records[u.key] for u in plan.utterances}
    reasons = (
        f"; first '{key}', {fault.reason}"
        for key, name, fault in failures(records, summary)
        if name in summary.too_many_failures
    )
    log.error(
        "more than 10 %% of the utterances failed in: %s%s; see %s for all of them and fix them, or pass "
        "--force to end with exit code 0",
        ", ".join(summary.too_many_failures),
        next(reasons, ""),
        plan.options.output_dir / "failed",
    )
