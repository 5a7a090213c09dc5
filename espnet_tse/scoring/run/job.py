"""Input of a job process. Nothing heavy is imported here: every job starts by importing this."""

from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.activity_list import Times
from espnet_tse.scoring.asr.option import AsrSpec


@dataclass(frozen=True, slots=True)
class Utterance:
    """One row to score: the scp entries of a key. None: the estimate is missing / the input not given."""

    key: str
    inf: str | None
    ref: str | None = None
    mix: str | None = None
    enroll: str | None = None
    intf: tuple[str, ...] = ()
    duration_s: float = 0.0
    target_absent: bool = False  # the list says so
    rtf: float | None = None  # as recorded by the decoder
    activity: Times | None = None  # when the target speaks; None: not known
    vad_activity: Times | None = None  # when the estimate does, as a detector found


@dataclass(frozen=True)
class WorkerPlan:
    """What a job needs besides its utterances; travels to other processes."""

    metrics: tuple[str, ...]
    recognisers: tuple[AsrSpec, ...]
    length: str
    align: str
    level: str
    ref_channel: int
    identities: dict[str, str]
    weights: dict[str, Path]
    estimate_cache: Path
    reference_cache: Path
    speaker_model: str = "resemblyzer"  # measure that distinguishes voices
    silent_is_absent: bool = False  # digital silence is the correct target, not a damaged one
