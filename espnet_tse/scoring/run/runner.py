"""Scores the utterances of a plan in job processes, with a progress line."""

import logging
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Callable

from espnet_tse.io.shard import parse_shard, take_shard
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.job_pool import JobPool
from espnet_tse.scoring.run.kept_records import KeptRecords
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.shown_keys import some
from espnet_tse.scoring.run.worker import Record

log = logging.getLogger("espnet_tse.scoring")

PROGRESS_S = 10.0


class Progress:
    """Log lines on how far a run is and how long it still takes."""

    def __init__(self, utterances: tuple[Utterance, ...]):
        self.durations = {u.key: max(u.duration_s, 0.1) for u in utterances}
        self.audio, self.audio_done = sum(self.durations.values()), 0.0
        self.began, self.audio_before = 0.0, 0.0  # when the first utterance was done, and its audio
        self.done = 0
        self.shown = time.monotonic()

    def add(self, key: str) -> None:
        """An utterance is done."""
        self.done += 1
        self.audio_done += self.durations[key]
        if self.done == 1:
            self.began, self.audio_before = time.monotonic(), self.audio_done

    def show(self) -> None:
        """Log a line, if the last one is long enough ago."""
        now = time.monotonic()
        if now - self.shown < PROGRESS_S or not self.done:
            return
        self.shown = now
        wait = time_left(now - self.began, self.audio_done - self.audio_before, self.audio - self.audio_done)
        share = bar(self.audio_done / self.audio)
        log.info("scored %s %d/%d utterances, ETA %s", share, self.done, len(self.durations), wait)


def score_changed(
    plan: ScoringPlan, before_scoring: Callable[[], None]
) -> tuple[dict[str, Record], list[Path]]:
    """As ``score_all``, but for utterances whose files are those of the last run: their records are kept.

    Args:
        before_scoring: called where there is anything to score.
    """
    start, kept = time.monotonic(), KeptRecords(plan.worker)
    records, files = kept.find(plan.utterances), []
    changed = tuple(utterance for utterance in plan.utterances if utterance.key not in records)
    if records:
        log.info("%d of %d utterances are as in the last run", len(records), len(plan.utterances))
    if changed:
        before_scoring()
        scored, files = score_all(replace(plan, utterances=changed))
        records |= scored
        kept.write(records)
    _log_work(records, time.monotonic() - start)
    return records, files


def score_all(plan: ScoringPlan) -> tuple[dict[str, Record], list[Path]]:
    """Score every utterance in ``nj`` processes of one thread each.

    Even one job is a process of its own: its numeric libraries start with one thread, so the results
    are the same bits for every ``nj``.

    Returns:
        key -> record, and the cache files the jobs wrote.
    Raises:
        JobError: a job failed.
    """
    pool = JobPool(plan.worker, plan.utterances, plan.options.nj)
    total = len(plan.utterances)
    log.info("scoring %d utterances, %d metrics, %d job(s)", total, len(plan.worker.metrics), pool.size)
    progress, records = Progress(plan.utterances), {}
    for record in pool:
        if record is not None:
            records[record.key] = record.with_shared_names()
            progress.add(record.key)
        progress.show()
    if pool.crashed:
        log.warning(
            "%d utterance(s) killed their process, see 'crash' in failed: %s",
            len(pool.crashed),
            some(pool.crashed),
        )
    return records, pool.files


def _log_work(records: dict[str, Record], seconds: float) -> None:
    log.info(
        "%d utterances scored in %.1f s: %d values computed, %d utterances whole from the cache, %d without any "
        "measured value",
        len(records),
        seconds,
        sum(record.computed for record in records.values()),
        sum(record.computed == 0 and record.cached > 0 for record in records.values()),
        sum(record.computed == record.cached == 0 for record in records.values()),
    )


def time_left(seconds: float, done: float, left: float) -> str:
    """Estimate of the wait, counted from the first utterance's end.

    Starting the jobs and loading the networks happen once, before that. The estimate goes by audio, not
    by count: the longest utterances come first, and a count would overestimate the wait.

    Args:
        seconds: since the first utterance was done.
        done: seconds of audio scored since then.
        left: seconds of audio to score.
    Returns:
        h:mm:ss, or "after the next one" where nothing was scored since.
    """
    if left <= 0:
        return str(timedelta())
    return str(timedelta(seconds=round(seconds / done * left))) if done else "after the next one"


def bar(share: float, width: int = 20) -> str:
    """A share from 0 to 1 as a bar; a log line rather than a live display, because cluster jobs have no terminal."""
    filled = int(width * share)
    return f"[{'#' * filled}{'.' * (width - filled)}]"


def run_shard(plan: ScoringPlan) -> int:
    """Score every n-th utterance into the caches and write nothing else: one task of an array job.

    A plain run after all of them reads their caches and writes the results.
    """
    mine = take_shard(plan.utterances, parse_shard(plan.options.shard))
    if mine:
        start = time.monotonic()
        records, _ = score_all(replace(plan, utterances=tuple(mine)))
        _log_work(records, time.monotonic() - start)
    return 0
