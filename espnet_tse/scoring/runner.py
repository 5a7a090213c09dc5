"""Runs a scoring plan: deals the utterances to job processes, collects, aggregates, writes."""

import fcntl
import logging
import multiprocessing
import os
import time
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import wait
from pathlib import Path
from typing import Iterator

from espnet_tse.schema.scp import DataError
from espnet_tse.scoring.aggregate import aggregate
from espnet_tse.scoring.cache import abandoned, join_files
from espnet_tse.scoring.hub_cache import OFFLINE
from espnet_tse.scoring.job import Utterance
from espnet_tse.scoring.plan import ScoringPlan
from espnet_tse.scoring.results import write_results
from espnet_tse.scoring.worker import Record, run_job

log = logging.getLogger("espnet_tse.scoring")

# A job starts up in about a second, and an utterance of two seconds is scored in five.
MIN_UTTERANCES_PER_JOB = 2
PROGRESS_S = 10.0
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class JobError(RuntimeError):
    """A job process failed; what it had finished is kept."""


def deal(utterances: tuple[Utterance, ...], nj: int) -> list[list[Utterance]]:
    """Longest first, dealt in turn, so that jobs end at about the same time."""
    jobs = max(1, min(nj, len(utterances) // MIN_UTTERANCES_PER_JOB))
    order = sorted(utterances, key=lambda u: (-u.duration_s, u.key))
    return [order[j::jobs] for j in range(jobs)]


@contextmanager
def job_environment() -> Iterator[None]:
    """Environment for child processes: one thread, and no hub; libraries read it when they are imported."""
    wanted = dict.fromkeys(THREADS, "1") | OFFLINE
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{folder.parent}: another scoring run writes here; wait for it or end it."
            ) from None
        except OSError as error:
            log.warning(
                "%s: this file system has no locks (%s); do not score twice at once here", folder, error
            )
        yield


def score_all(plan: ScoringPlan) -> tuple[dict[str, Record], list[Path]]:
    """Score every utterance in ``nj`` processes of one thread each.

    Even one job is a process of its own: its numeric libraries start with one thread, so the results
    are the same bits for every ``nj``.

    Returns:
        key -> record, and the cache files the jobs wrote.
    Raises:
        JobError: a job failed or died.
    """
    jobs = deal(plan.utterances, plan.options.nj)
    total = len(plan.utterances)
    log.info("scoring %d utterances, %d metrics, %d job(s)", total, len(plan.worker.metrics), len(jobs))
    # spawn, never fork: a child forked after a multi-threaded torch operation can deadlock.
    context = multiprocessing.get_context("spawn")
    durations = {u.key: max(u.duration_s, 0.1) for u in plan.utterances}
    audio, audio_done = sum(durations.values()), 0.0
    records: dict[str, Record] = {}
    files: list[Path] = []
    running = {}
    start = shown = time.monotonic()
    try:
        with job_environment():
            for utterances in jobs:
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=run_job, args=(sender, plan.worker, utterances))
                process.start()
                sender.close()
                running[receiver] = process
        while running:
            for receiver in wait(list(running), timeout=1.0):
                try:
                    kind, *content = receiver.recv()
                except EOFError:
                    process = running.pop(receiver)
                    process.join()
                    raise JobError(
                        f"a scoring job died with exit code {process.exitcode} after {len(records)} of "
                        f"{total} utterances (out of memory?); run the same command again to go on."
                    ) from None
                if kind == "done":
                    records[content[0].key] = content[0]
                    audio_done += durations[content[0].key]
                elif kind == "error":
                    raise JobError(f"scoring utterance '{content[0]}' failed:\n{content[1]}")
                else:
                    files += content[0]
                    running.pop(receiver).join()
            now = time.monotonic()
            if now - shown >= PROGRESS_S and records:
                shown = now
                # By audio, not by count: the longest come first, and would promise too long a wait.
                left = (now - start) / audio_done * (audio - audio_done)
                log.info(
                    "scored %d/%d utterances, ETA %s", len(records), total, timedelta(seconds=round(left))
                )
    finally:
        for process in running.values():
            process.terminate()
            process.join()
    seconds = time.monotonic() - start
    computed = sum(record.computed for record in records.values())
    again = sum(record.computed == 0 for record in records.values())
    log.info(
        "%d utterances scored in %.1f s: %d values computed, %d utterances whole from the cache",
        total,
        seconds,
        computed,
        again,
    )
    return records, files


def run(plan: ScoringPlan) -> int:
    """Score, aggregate, write all files of the output folder.

    Returns:
        0, or 1 when more than a tenth of the utterances failed in some metric (unless ``force``).
    """
    options = plan.options
    own = plan.worker.estimate_cache
    with _only_one(own):
        if not options.resume:
            for path in own.glob("*.jsonl"):
                path.unlink()
        records, files = score_all(plan)
        summary = aggregate(plan, records)
        write_results(plan, records, summary)
        # The folder of this system keeps what this run used; the shared one keeps everything.
        shared = plan.worker.reference_cache
        if shared == own:
            join_files(own, list(own.glob("*.jsonl")))
        else:
            join_files(own, list(own.glob("*.jsonl")), {k for r in records.values() for k in r.estimate_keys})
            join_files(shared, {*(path for path in files if path.parent == shared), *abandoned(shared)})
    for note in summary.warnings:
        log.warning("%s", note)
    log.info("results: %s", options.output_dir / "result.json")
    if summary.too_many_failures and not options.force:
        faults = (
            f"; first '{u.key}', {outcome.fault.reason}"
            for u in plan.utterances
            for outcome in records[u.key].outcomes.values()
            if outcome.fault
        )
        log.error(
            "more than 10 %% of the utterances failed in: %s%s; read %s and mend them (--force ends with 0 all "
            "the same)",
            ", ".join(summary.too_many_failures),
            next(faults, ""),
            options.output_dir / "failed",
        )
        return 1
    return 0
