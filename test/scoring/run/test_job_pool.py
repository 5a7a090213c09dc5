"""What the pool does when processes die; their part is played by scripts."""

import multiprocessing
import os
import struct
from pathlib import Path

import pytest

from espnet_tse.scoring.measure.failure import EST, Fault, Outcome
from espnet_tse.scoring.run import job_pool
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.job_pool import JobError, JobPool, deal
from espnet_tse.scoring.run.worker import Record

KEYS = [f"u{i}" for i in range(6)]
PLAN = WorkerPlan(("si_sdr",), (), "ref", "none", "none", 0, {}, {}, Path("own"), Path("own"))


class Process:
    """A process that has ended."""

    def __init__(self, exitcode):
        self.exitcode = exitcode

    def join(self):
        pass

    terminate = join


@pytest.fixture
def run(monkeypatch):
    """run(kills, exitcode=-9, last=b"") -> (records by key, crashed keys).

    ``kills(utterance, attempt)``: whether it dies there, ``last``: what it had written of its next message.
    """
    started = []

    def play(kills, exitcode=-9, last=b""):
        attempts = dict.fromkeys(KEYS, 0)

        def start(pool, task):
            started.append([u.key for u in task.utterances])
            receiver, sender = multiprocessing.Pipe(duplex=False)
            ends_well = True
            for utterance in task.utterances:
                attempts[utterance.key] += 1
                if kills(utterance, attempts[utterance.key]):
                    ends_well = False
                    os.write(sender.fileno(), last)
                    break
                missing = utterance.inf is None
                outcome = Outcome(-100.0, Fault(EST, "estimate: missing")) if missing else Outcome(1.0)
                fault = "missing" if missing else None
                sender.send(
                    ("done", Record(utterance.key, 1.0, None, {"si_sdr": outcome}, [], estimate_fault=fault))
                )
            if ends_well:
                sender.send(("end", [Path("cache")]))
            sender.close()
            pool._running[receiver] = Process(0 if ends_well else exitcode), task

        monkeypatch.setattr(JobPool, "_start", start)
        pool = JobPool(PLAN, tuple(Utterance(key, f"{key}.wav") for key in KEYS), 2)
        records = {record.key: record for record in pool if record is not None}
        return records, pool.crashed

    play.started = started
    return play


def test_all_is_well(run):
    records, crashed = run(lambda utterance, attempt: False)
    assert sorted(records) == KEYS and crashed == [] and len(run.started) == 2


@pytest.mark.parametrize("last", [b"", struct.pack("!i", 100) + b"a part of 100 bytes"])
def test_an_utterance_that_kills_once_costs_nothing(run, last):
    records, crashed = run(lambda utterance, attempt: utterance.key == "u2" and attempt == 1, last=last)
    assert sorted(records) == KEYS and crashed == []
    assert all(record.outcomes["si_sdr"].value == 1.0 for record in records.values())
    # The rest went on in a new process; the culprit alone.
    assert run.started == [["u0", "u2", "u4"], ["u1", "u3", "u5"], ["u4"], ["u2"]]


def test_an_estimate_that_kills_gets_the_penalties(run):
    records, crashed = run(
        lambda utterance, attempt: utterance.key in ("u0", "u5") and utterance.inf is not None
    )
    assert sorted(records) == KEYS and sorted(crashed) == ["u0", "u5"]
    outcome = records["u5"].outcomes["si_sdr"]
    assert outcome.penalised and outcome.value == -100.0 and outcome.fault.kind == "crash"
    assert records["u5"].estimate_fault == "the scoring process was killed, twice"
    assert records["u4"].outcomes["si_sdr"].fault is None


def test_data_that_kill_are_excluded(run):
    records, crashed = run(lambda utterance, attempt: utterance.key == "u1")
    outcome = records["u1"].outcomes["si_sdr"]
    assert outcome.excluded and outcome.fault == Fault("crash", "the data kill the scoring process")
    assert crashed == ["u1"] and sorted(records) == KEYS


def test_a_machine_on_which_everything_dies(run, monkeypatch):
    monkeypatch.setattr(job_pool, "MAX_CRASHES", 2)
    with pytest.raises(
        JobError,
        match="more than 2 utterances killed their scoring process; the last one was ended by signal 11",
    ):
        run(lambda utterance, attempt: utterance.inf is not None, exitcode=-11)


def test_a_kill_is_said_to_be_for_lack_of_memory(run, caplog):
    run(lambda utterance, attempt: utterance.key == "u2" and attempt == 1)
    assert (
        "a scoring job was killed (signal 9): usually the machine ran out of memory, at utterance 'u2'"
        in caplog.text
    )


def test_an_exit_by_itself_ends_the_run(run):
    with pytest.raises(JobError, match="ended by itself with exit code 3"):
        run(lambda utterance, attempt: True, exitcode=3)


def test_dealing_is_even_and_longest_first(monkeypatch):
    utterances = tuple(Utterance(f"u{i}", None, duration_s=float(i)) for i in range(16))
    jobs = deal(utterances, 2)
    assert [[u.key for u in job][:2] for job in jobs] == [["u15", "u13"], ["u14", "u12"]]
    assert len(deal(utterances, 16)) == 8 and len(deal(utterances[:3], 4)) == 1


def test_threads_are_set_for_children_and_given_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with job_pool.job_environment():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ
