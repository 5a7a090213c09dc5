"""mixing.yaml: how single-speaker utterances become mixtures during training."""

import math
import shlex
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Mapping

from espnet_tse.data.audio_files import read_info
from espnet_tse.data.degradation import DegradationConf
from espnet_tse.data.mixing import LEVEL_KINDS
from espnet_tse.data.timeline import Histogram, checked_histogram
from espnet_tse.io.audio_entry import is_pipe, is_plain_file
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.io.yaml_file import read_yaml

MIXED_TASKS = ("tse", "rtse", "sr")  # that mixtures can be made for
ENROLLMENT_KINDS = ("other_utterance", "same_utterance_disjoint", "other_or_disjoint")
SHORTEST_ENROLLMENT_S = 0.1
LONGEST_SILENCE = 0.95  # of a mixture; a target that says nothing at all is target_absent


def _pair(name: str, value: Any, low: float, high: float) -> tuple[float, float]:
    try:
        first, second = (float(v) for v in value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: wants two numbers [low, high], got {value!r}") from None
    if not low <= first <= second <= high:
        raise ValueError(f"{name}: wants {low} <= low <= high <= {high}, got [{first}, {second}]")
    return first, second


@dataclass(frozen=True)
class MixingConf:
    """Checked content of a mixing.yaml."""

    num_speakers: dict[int, float] = field(default_factory=lambda: {2: 1.0})  # speakers -> share
    sir_db: tuple[float, float] = (-5.0, 5.0)  # target to interferer, drawn uniformly
    snr_kind: str = "rms"  # what a level is: rms, or peak as LauraTSE's released mixing (arXiv:2601.06006)
    # Share of the target that an interferer covers; also a distribution, see ``checked_histogram``.
    overlap: Histogram | tuple[float, float] = (1.0, 1.0)
    # Share of the mixture in which the target is silent, likewise.
    silence: Histogram | tuple[float, float] = (0.0, 0.0)
    turns: tuple[int, int] = (1, 3)  # of the target, where it is silent in between
    pause_speech: float = 1.0  # share of the target's pauses in which an interferer goes on
    noise_scp: str | None = None  # noise recordings
    snr_db: tuple[float, float] = (0.0, 20.0)  # target to noise
    rir_scp: str | None = None  # room impulse responses
    enrollment: str = "other_utterance"
    # At most, or drawn between two bounds; a shorter utterance is used whole.
    enrollment_s: float | tuple[float, float] = 5.0
    enrollment_gap_s: float = 0.5  # between target and enrollment of one utterance
    enrollment_noise: float = 0.0  # share of enrollments with noise of noise_scp
    enrollment_snr_db: tuple[float, float] = (5.0, 20.0)
    enrollment_reverb: float = 0.0  # share of enrollments in a room of rir_scp
    enrollment_eq_db: float = 0.0  # largest gain of a random equalizer on the enrollment
    enrollment_pauses: float = 0.0  # share of enrollments with a pause in them, of up to half of their length
    target_absent: float = 0.0  # share of mixtures without the enrolled speaker
    # Source of utt2source -> how often in an epoch its utterances are targets, 1 where it is not named.
    source_weights: dict[str, float] = field(default_factory=dict)
    noise_share: float = 1.0  # of the mixtures, with noise of noise_scp
    reverb_share: float = 1.0  # of the mixtures, in a room of rir_scp
    bandwidth: float = 0.0  # shares of the mixtures that are degraded so, see ``degraded``
    clipping: float = 0.0
    packet_loss: float = 0.0
    lossy_codec: float = 0.0
    # Task -> share. rtse: the enrollment is the interferer's, the target as ever. sr: no enrollment, and an
    # interferer, who is quieter, only in some.
    tasks: dict[str, float] = field(default_factory=lambda: {"tse": 1.0})
    sr_interferer: float = 0.2  # share of the mixtures of sr
    sr_sir_db: tuple[float, float] = (2.0, 20.0)

    def __post_init__(self):
        object.__setattr__(self, "num_speakers", self._checked_shares())
        object.__setattr__(self, "tasks", self._checked_tasks())
        object.__setattr__(self, "sr_sir_db", _pair("sr_sir_db", self.sr_sir_db, -100.0, 100.0))
        object.__setattr__(self, "sir_db", _pair("sir_db", self.sir_db, -100.0, 100.0))
        object.__setattr__(self, "snr_db", _pair("snr_db", self.snr_db, -100.0, 100.0))
        object.__setattr__(
            self, "enrollment_snr_db", _pair("enrollment_snr_db", self.enrollment_snr_db, -100.0, 100.0)
        )
        object.__setattr__(self, "overlap", checked_histogram("overlap", self.overlap))
        object.__setattr__(self, "silence", checked_histogram("silence", self.silence, LONGEST_SILENCE))
        object.__setattr__(self, "turns", self._checked_turns())
        object.__setattr__(self, "source_weights", self._checked_weights())
        if isinstance(self.enrollment_s, (list, tuple)):
            bounds = _pair("enrollment_s", self.enrollment_s, SHORTEST_ENROLLMENT_S, 3600.0)
            object.__setattr__(self, "enrollment_s", bounds)
        if self.snr_kind not in LEVEL_KINDS:
            check_known([self.snr_kind], LEVEL_KINDS, "snr_kind")
        if self.enrollment not in ENROLLMENT_KINDS:
            check_known([self.enrollment], ENROLLMENT_KINDS, "enrollment")
        if "rtse" in self.tasks and self.enrollment != "other_utterance":
            raise ValueError(
                "tasks: rtse enrolls by another utterance of the interferer; set 'enrollment: other_utterance'"
            )
        shares = (
            *("enrollment_noise", "enrollment_reverb", "target_absent", "noise_share", "reverb_share"),
            *("bandwidth", "clipping", "packet_loss", "lossy_codec", "sr_interferer", "pause_speech"),
            "enrollment_pauses",
        )
        numbers = [("enrollment_gap_s", 0.0), ("enrollment_eq_db", 0.0), *((name, 0.0) for name in shares)]
        if not isinstance(self.enrollment_s, tuple):
            numbers.append(("enrollment_s", SHORTEST_ENROLLMENT_S))
        for name, low in numbers:
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not low <= value < math.inf:
                raise ValueError(f"{name}: wants a finite number of at least {low}, got {value!r}")
        for name in shares:
            if getattr(self, name) > 1:
                raise ValueError(f"{name}: is a share, at most 1, got {getattr(self, name)}")
        for name in ("noise_scp", "rir_scp"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise ValueError(f"{name}: wants the path of a list, got {getattr(self, name)!r}")
        for name, source in (("enrollment_noise", "noise_scp"), ("enrollment_reverb", "rir_scp")):
            if getattr(self, name) and getattr(self, source) is None:
                raise ValueError(f"{name}: {getattr(self, name)} wants {source}")

    @property
    def speakers_needed(self) -> int:
        """Of a corpus: those of the largest mixture, and another one for targets that are absent or mixtures that are restored."""
        another = self.target_absent > 0 or ("sr" in self.tasks and self.sr_interferer > 0)
        return max(*self.num_speakers, 2 if another else 1)

    @property
    def enrolls(self) -> bool:
        """Whether any task has an enrollment."""
        return set(self.tasks) != {"sr"}

    @property
    def needs_other_utterance(self) -> bool:
        """Whether a speaker with a single utterance cannot be enrolled."""
        return self.enrolls and self.enrollment == "other_utterance"

    @property
    def longest_enrollment_s(self) -> float:
        return self.enrollment_s[1] if isinstance(self.enrollment_s, tuple) else self.enrollment_s

    @property
    def degradation(self) -> DegradationConf:
        """How mixtures are degraded."""
        return DegradationConf(self.bandwidth, self.clipping, self.packet_loss, self.lossy_codec)

    @property
    def has_pauses(self) -> bool:
        """Whether the target may be silent in parts of a mixture."""
        return any(high > 0 for _, high, _ in self.silence)

    def _checked_turns(self) -> tuple[int, int]:
        low, high = _pair("turns", self.turns, 1, 1000)
        if low != int(low) or high != int(high):
            raise ValueError(f"turns: wants whole numbers, got {self.turns!r}")
        return int(low), int(high)

    def _checked_weights(self) -> dict[str, float]:
        try:
            weights = {str(source): float(weight) for source, weight in dict(self.source_weights).items()}
        except (TypeError, ValueError):
            raise ValueError(
                f"source_weights: wants {{source: weight}}, got {self.source_weights!r}"
            ) from None
        if not all(0 <= weight < math.inf for weight in weights.values()):
            raise ValueError(f"source_weights: wants weights of at least 0, got {self.source_weights!r}")
        return weights

    def _checked_tasks(self) -> dict[str, float]:
        try:
            shares = {str(task): float(share) for task, share in dict(self.tasks).items()}
        except (TypeError, ValueError):
            raise ValueError(f"tasks: wants {{task: share}}, got {self.tasks!r}") from None
        check_known(shares, MIXED_TASKS, where="tasks")
        if min(shares.values(), default=0) < 0 or not 0 < sum(shares.values()) < math.inf:
            raise ValueError(f"tasks: wants shares >= 0, one of them above, got {self.tasks!r}")
        if shares.get("rtse") and set(self.num_speakers) != {2}:
            raise ValueError(
                "tasks: rtse wants the only other speaker, but num_speakers is not {2: 1.0}; change one of them"
            )
        if self.target_absent and set(shares) != {"tse"}:
            raise ValueError("tasks: only tse can be without its target; set target_absent: 0")
        total = sum(shares.values())
        return {task: shares[task] / total for task in MIXED_TASKS if shares.get(task)}

    def _checked_shares(self) -> dict[int, float]:
        try:
            shares = {int(count): float(share) for count, share in dict(self.num_speakers).items()}
        except (TypeError, ValueError):
            raise ValueError(f"num_speakers: wants {{count: share}}, got {self.num_speakers!r}") from None
        wrong = not shares or min(shares) < 1 or min(shares.values()) < 0
        if wrong or not 0 < sum(shares.values()) < math.inf:
            raise ValueError(f"num_speakers: wants counts >= 1 with shares >= 0, got {self.num_speakers!r}")
        total = sum(shares.values())
        return {count: share / total for count, share in sorted(shares.items())}


def read_mixing_conf(path: Path | str, changes: Mapping[str, Any] | None = None) -> MixingConf:
    """Read a mixing.yaml; keys left out take their defaults.

    Args:
        changes: of a system's own, in place of the file's.

    Raises:
        DataError: missing, not YAML, an unknown key (with the nearest known one) or a value out of range; or a list of
            noise or rooms names commands or files of several channels.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; a source directory for dynamic mixing holds one.")
    content = read_yaml(path)
    try:
        check_known(content, [f.name for f in fields(MixingConf)], where="mixing configuration")
        check_known(changes or {}, [f.name for f in fields(MixingConf)], where="mixing of the system")
        conf = MixingConf(**{**content, **(changes or {})})
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    for name in ("noise_scp", "rir_scp"):
        _refuse_what_stage_2_would_make(path, name, getattr(conf, name))
    return conf


def _refuse_what_stage_2_would_make(path: Path, name: str, scp: str | None) -> None:
    """Raise DataError where a list names a command or a file that is not mono: stage 2 formats the set, not these lists."""
    if scp is None or not Path(scp).is_file():  # which those who open it report
        return
    for key, entry in read_scp(scp).items():
        if is_pipe(entry):
            fault = f"'{key}' ({entry}) is a command, which training does not run; a file is wanted"
        elif not is_plain_file(entry) or not Path(entry).is_file():
            continue
        elif (num_channels := read_info(entry, key).num_channels) != 1:
            fault = f"'{key}' ({entry}) has {num_channels} channels; mono is wanted"
        else:
            continue
        folder = f"data/{name.removesuffix('_scp')}"
        output = folder.replace("data/", "dump/")
        source = shlex.quote(scp)
        fix = (
            f"mkdir -p {folder} && cp {source} {folder}/wav.scp && awk '{{print $1, $1}}' {source} > {folder}/utt2spk && "
            f"python3 -m espnet_tse.bin.format_data --data_dir {folder} --output_dir {output} --audio_format wav "
            "--sample_rate RATE"
        )
        raise DataError(
            f"{path}: {name}: {scp}: {fault}, which stage 2 does not make of this list. Run `{fix}` (RATE in Hz is that of "
            f"the set; --channel picks another than the first), then write {name}: {output}/wav.scp."
        )
