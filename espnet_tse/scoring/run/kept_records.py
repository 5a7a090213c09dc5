"""Records of the last run over the same files: an unchanged file is not even read again.

A file is unchanged where device, inode, size and both times of the last change are the same: the system keeps the time
of a file's own last change, which no copy and no tool sets. Values of files that only seem new come from the caches, by content.
"""

import dataclasses
import hashlib
import json
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterable, Mapping

import espnet_tse
from espnet_tse.io.audio_entry import file_of
from espnet_tse.io.files import atomic_write
from espnet_tse.scoring.measure.failure import CRASH, Fault, Outcome
from espnet_tse.scoring.run.cache import cache_key, entries_in, line_of
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.scene import UNREADABLE
from espnet_tse.scoring.run.worker import Record

RECORDS = "records.json"  # in the cache of a system; JSON lines, but none of the cache's files of values
OF_RECORDS = ("io", "scoring/measure", "scoring/asr", "scoring/run")  # code that a record depends on


class KeptRecords:
    """Records by what they were made from."""

    def __init__(self, plan: WorkerPlan):
        self.path = plan.estimate_cache / RECORDS
        settings = dataclasses.asdict(plan)
        # Weights are in the identities; where they and the caches lie says nothing.
        for place in ("weights", "estimate_cache", "reference_cache"):
            del settings[place]
        self._identity = json.dumps(settings, sort_keys=True, default=str) + code_hash()
        self._names: dict[str, str] = {}

    def find(self, utterances: Iterable[Utterance]) -> dict[str, Record]:
        """Key -> record of each utterance whose files are those of the last run."""
        self._names = {utterance.key: self.name_of(utterance) for utterance in utterances}
        keys = {name: key for key, name in self._names.items()}
        return {keys[name]: record_of(content) for name, content in entries_in(self.path) if name in keys}

    def name_of(self, utterance: Utterance) -> str:
        """Hash of an utterance, its files' states, and what is measured in which way."""
        entries = (utterance.inf, utterance.ref, utterance.mix, utterance.enroll, *utterance.intf)
        states = json.dumps([state_of(entry) for entry in entries if entry is not None])
        return cache_key(self._identity, json.dumps(dataclasses.astuple(utterance)), states)

    def write(self, records: Mapping[str, Record]) -> None:
        """Keep the records of this run, and no others; states are those of ``find``, before anything was read."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as file:
            for key, record in records.items():
                if is_lasting(record):
                    file.write(line_of(self._names[key], dataclasses.asdict(record)))


def state_of(entry: str) -> tuple[int, ...] | None:
    """What is another one for each change of an entry's file; None where there is none."""
    try:
        state = os.stat(file_of(entry))
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def is_lasting(record: Record) -> bool:
    """Whether another run would find the same; JSON holds no infinity.

    A crash, or a file that could not be read, may have been the fault of the machine, or of its disk at that moment.
    """
    faults = [outcome.fault for outcome in record.outcomes.values() if outcome.fault]
    reasons = [fault.reason for fault in faults] + list(record.text_faults.values())
    reasons += filter(None, (record.estimate_fault, record.absent_fault))
    passing = any(fault.kind == CRASH for fault in faults) or any(UNREADABLE in reason for reason in reasons)
    return not passing and math.isfinite(record.input_sir_db or 0.0)


def record_of(content: dict[str, Any]) -> Record:
    """The inverse of ``dataclasses.asdict``; what was computed then is from a cache now."""
    outcomes = {
        name: Outcome(outcome["value"], outcome["fault"] and Fault(**outcome["fault"]))
        for name, outcome in content["outcomes"].items()
    }
    cached = content["computed"] + content["cached"]
    return Record(**content | {"outcomes": outcomes, "computed": 0, "cached": cached}).with_shared_names()


@lru_cache
def code_hash() -> str:
    """sha256 of the modules by which a record is made: another release makes its own."""
    package, digest = Path(espnet_tse.__file__).parent, hashlib.sha256()
    for path in sorted(path for room in OF_RECORDS for path in (package / room).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
