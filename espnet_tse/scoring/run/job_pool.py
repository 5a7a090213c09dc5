"""Job processes: distributing utterances over them, and going on when one dies.

A process killed by a signal (a segmentation fault in native code, the out-of-memory killer) costs one utterance:
the first one that it had not reported. The rest goes to a new process; that utterance is tried again alone, then
without its estimate, which gives the penalties, and is excluded if the data alone kill the process. A Python
exception is a bug of this program and ends the run.
"""

import logging
import multiprocessing
import os
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Iterator

from espnet_tse.io.exit_code import ending_of
from espnet_tse.scoring.measure.failure import CRASH, Fault
from espnet_tse.scoring.measure.hub_cache import OFFLINE
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.worker import Record, run_job, unusable_record

log = logging.getLogger("espnet_tse.scoring")

# A job starts up in about a second, and an utterance of two seconds is scored in five.
MIN_UTTERANCES_PER_JOB = 2
MAX_CRASHES = 10  # more utterances than this that kill their process point to the machine
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class JobError(RuntimeError):
    """A job process failed; what it had finished is kept."""


def deal(utterances: tuple[Utterance, ...], nj: int) -> list[list[Utterance]]:
    """Longest first, dealt round-robin, so that jobs end at about the same time."""
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


@dataclass
class _Task:
    """Utterances of one process. ``tries``: how often its single utterance has already killed a process."""

    utterances: list[Utterance]
    tries: int = 0


class JobPool:
    """Runs tasks in at most ``nj`` processes at a time; iterate over it for the records."""

    def __init__(self, plan: WorkerPlan, utterances: tuple[Utterance, ...], nj: int):
        self.plan = plan
        self.waiting = deque(_Task(part) for part in deal(utterances, nj))
        self.size = len(self.waiting)
        self.files: list[Path] = []  # cache files that the jobs wrote
        self.crashed: list[str] = []
        # spawn, never fork: a child forked after a multi-threaded torch operation can deadlock.
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[Connection, tuple[multiprocessing.Process, _Task]] = {}

    def __iter__(self) -> Iterator[Record | None]:
        """Records as they arrive, and None about every second without one.

        Raises:
            JobError: an exception in a job, an exit by itself, or more than 10 utterances that kill their process.
        """
        try:
            while self.waiting or self._running:
                while self.waiting and len(self._running) < self.size:
                    self._start(self.waiting.popleft())
                ready = wait(list(self._running), timeout=1.0)
                for connection in ready:
                    yield self._receive(connection)
                if not ready:
                    yield None
        finally:
            for process, _ in self._running.values():
                process.terminate()
                process.join()

    def _start(self, task: _Task) -> None:
        receiver, sender = self._context.Pipe(duplex=False)
        with job_environment():
            process = self._context.Process(target=run_job, args=(sender, self.plan, list(task.utterances)))
            process.start()
        sender.close()
        self._running[receiver] = process, task

    def _receive(self, connection: Connection) -> Record | None:
        process, task = self._running[connection]
        try:
            kind, *content = connection.recv()
        except (EOFError, OSError):  # also in the middle of a message
            self._running.pop(connection)
            process.join()
            return self._bury(process.exitcode, task)
        if kind == "error":
            raise JobError(f"scoring utterance '{content[0]}' failed:\n{content[1]}")
        if kind == "end":
            self._running.pop(connection)
            process.join()
            self.files += content[0]
            return None
        task.utterances.pop(0)
        return _mark(content[0]) if task.tries == 2 else content[0]

    def _bury(self, code: int, task: _Task) -> Record | None:
        """Go on after the death of a process; returns a record if its utterance cannot be scored at all."""
        if code >= 0:
            raise JobError(
                f"a scoring job ended by itself with exit code {code}; read the messages above, and run the same "
                "command again to go on."
            )
        if not task.utterances:  # everything was reported: it died while closing its files
            return None
        culprit, *rest = task.utterances
        log.warning(
            "a scoring job %s, at utterance '%s'; lower --nj where it lacks memory",
            ending_of(code),
            culprit.key,
        )
        if rest:
            self.waiting.append(_Task(rest))
        if task.tries == 0:
            self.waiting.append(_Task([culprit], 1))
            return None
        if task.tries == 1:
            self.crashed.append(culprit.key)
            if len(self.crashed) > MAX_CRASHES:
                raise JobError(
                    f"more than {MAX_CRASHES} utterances killed their scoring process; the last one {ending_of(code)}; lower "
                    "--nj, and run the same command again to go on."
                )
            self.waiting.append(_Task([replace(culprit, inf=None)], 2))
            return None
        return unusable_record(self.plan, culprit, CRASH, "the data kill the scoring process")


def _mark(record: Record) -> Record:
    """Name the crash as the reason of the penalties of a record made without its estimate."""
    reason = "the scoring process was killed, twice"
    for name, outcome in record.outcomes.items():
        if outcome.penalised:
            record.outcomes[name] = replace(outcome, fault=Fault(CRASH, reason))
    record.estimate_fault = reason
    record.text_faults |= {"estimate": reason} if "estimate" in record.text_faults else {}
    return record
