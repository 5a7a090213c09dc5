import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from espnet_tse.scoring.measure.failure import CRASH, Fault, Outcome
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.kept_records import KeptRecords
from espnet_tse.scoring.run.worker import Record


@pytest.fixture
def plan(tmp_path) -> WorkerPlan:
    return WorkerPlan(
        ("si_sdr",), (), "min", "none", "none", 0, {"si_sdr": "1"}, {}, tmp_path / "own", tmp_path / "shared"
    )


@pytest.fixture
def utterances(tmp_path) -> list[Utterance]:
    made = []
    for key in "ab":
        for role in ("inf", "ref"):
            (tmp_path / f"{key}.{role}").write_bytes(b"samples of " + key.encode() + role.encode())
        made.append(Utterance(key, str(tmp_path / f"{key}.inf"), str(tmp_path / f"{key}.ref")))
    return made


def record(key: str, **fields) -> Record:
    outcomes = {"si_sdr": Outcome(0.1 + 0.2), "pesq": Outcome(None, Fault("ref", "silent"))}
    return Record(
        key, 1.5, None, outcomes, ["offset"], **{"texts": {"w": {"target": "a b"}}, "computed": 2} | fields
    )


def keep(plan: WorkerPlan, utterances: list[Utterance], **records: Record) -> None:
    kept = KeptRecords(plan)
    assert kept.find(utterances) == {}
    kept.write(records or {"a": record("a"), "b": record("b")})


def test_records_come_back_as_they_were(plan, utterances):
    keep(plan, utterances)
    found = KeptRecords(plan).find(utterances)
    assert found == {key: record(key, computed=0, cached=2) for key in "ab"}
    # What every record repeats is held once.
    for one, other in zip(found["a"].outcomes, found["b"].outcomes):
        assert one is other
    assert found["a"].flags[0] is found["b"].flags[0]


def rewritten(path: Path) -> None:
    """The same size and time of change, other content."""
    state, content = path.stat(), path.read_bytes()
    path.write_bytes(content[::-1])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def copied(path: Path) -> None:
    shutil.copy2(path, path.with_suffix(".copy"))
    os.replace(path.with_suffix(".copy"), path)


@pytest.mark.parametrize("change", [rewritten, copied, Path.unlink])
@pytest.mark.parametrize("role", ["inf", "ref"])
def test_an_utterance_with_another_file_is_scored_again(plan, utterances, change, role):
    keep(plan, utterances)
    change(Path(getattr(utterances[1], role)))
    assert set(KeptRecords(plan).find(utterances)) == {"a"}


def test_other_settings_are_scored_again(plan, utterances):
    keep(plan, utterances)
    assert KeptRecords(replace(plan, length="ref")).find(utterances) == {}
    assert KeptRecords(replace(plan, identities={"si_sdr": "2"})).find(utterances) == {}
    absent = [replace(utterance, target_absent=True) for utterance in utterances]
    assert KeptRecords(plan).find(absent) == {}
    assert len(KeptRecords(replace(plan, reference_cache=Path("elsewhere"))).find(utterances)) == 2


def test_what_may_be_otherwise_next_time_is_not_kept(plan, utterances):
    crashed = record("a")
    crashed.outcomes["si_sdr"] = Outcome(-100.0, Fault(CRASH, "killed"))
    keep(plan, utterances, a=crashed, b=record("b", input_sir_db=float("inf")))
    assert KeptRecords(plan).find(utterances) == {}


def test_a_file_that_could_not_be_read_is_read_again(plan, utterances):
    """The disk may have been away."""
    unread = record("a")
    unread.outcomes["si_sdr"] = Outcome(None, Fault("ref", "target: unreadable: input/output error"))
    keep(plan, utterances, a=unread, b=record("b", estimate_fault="unreadable: stale file handle"))
    assert KeptRecords(plan).find(utterances) == {}


def test_a_torn_file_loses_only_its_last_record(plan, utterances):
    keep(plan, utterances)
    kept = KeptRecords(plan)
    kept.path.write_text(kept.path.read_text()[:-30])
    assert set(kept.find(utterances)) == {"a"}
