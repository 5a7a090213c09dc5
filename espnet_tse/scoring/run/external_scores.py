"""Scores computed by another tool, one per utterance: ``--external name=path[:field][,up|down]``."""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.scp import DataError, read_list, read_scp
from espnet_tse.scoring.measure.card import MetricCard
from espnet_tse.scoring.measure.failure import EST, Fault, Outcome
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.printed_values import read_printed
from espnet_tse.scoring.run.shown_keys import some

KEY_FIELDS = ("key", "utt", "utt_id")  # of VERSA, of this scorer, of others
RATE_PREFIXES = ("wer_", "dwer_", "cer_", "dcer_")
# Of this scorer's columns, and of the texts beside them in scores.jsonl.
OWN_PREFIXES = (*RATE_PREFIXES, "leak_", "hyp_", *(f"ref_{prefix}" for prefix in RATE_PREFIXES))
# What scores.jsonl says of an utterance besides its scores, and a file of the folder.
TAKEN_NAMES = (
    *KEY_FIELDS,
    *("spk", "dur_ref", "dur_est", "enroll_s", "input_sir_db", "overlap", "buckets", "lag_samples", "flags"),
    "failed",
)
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True)
class ExternalScores:
    """A column from a file."""

    card: MetricCard
    values: dict[str, float]
    path: Path
    field: str  # of each object; of Kaldi lines a name only

    def outcome(self, key: str, estimate_fault: str | None) -> Outcome:
        """Value of an utterance; without one, or where the estimate is unusable, the worst of the file."""
        if not estimate_fault and key in self.values:
            return Outcome(self.values[key])
        fault = Fault(EST, f"estimate: {estimate_fault}" if estimate_fault else "no value in the file")
        return Outcome(self.card.penalty, fault)


def read_all_external(options: tuple[str, ...], utterances: list[Utterance]) -> dict[str, ExternalScores]:
    """Column -> scores of all ``--external`` options.

    Raises:
        DataError: as ``read_external``; also a duplicate column, or one without a value for any utterance.
    """
    scores = {each.card.name: each for each in map(read_external, options)}
    if len(scores) != len(options):
        raise DataError("--external: duplicate column; give each its own name.")
    for option, each in zip(options, scores.values(), strict=True):
        if not any(u.key in each.values for u in utterances):
            raise DataError(
                f"--external {option}: has a value for none of the {len(utterances)} utterances; its keys are "
                f"{some(list(each.values))}, those to score {some([u.key for u in utterances])}."
            )
    return scores


def read_external(option: str) -> ExternalScores:
    """Read the file of one ``--external`` option.

    The file has Kaldi lines ``utt value`` or one JSON object per line (VERSA, ESPnet; also a dict as Python
    prints it, from VERSA); of an object the named field is taken, by default that of the column's name.

    Raises:
        DataError: a malformed option or line, a name of this scorer's own, or no usable value.
    """
    name, place, direction = _parse(option)
    path, field = Path(place), name
    if not path.exists() and ":" in place:
        start, _, field = place.rpartition(":")
        path = Path(start)
    values = _read_values(path, field)
    if not values:
        raise DataError(f"{path}: '{field}' is no finite number in any line.")
    worst = {"up": min, "down": max}.get(direction)
    card = MetricCard(
        name,
        "external",
        f"{field} from {path.name}",
        direction,
        ("inf",),
        f"Computed elsewhere, read from {path.name}; a missing value counts as the worst of the file.",
        "What it was computed on is not known here.",
        penalty=worst(values.values()) if worst else None,
        natural_length=True,
    )
    return ExternalScores(card, values, path, field)


def _parse(option: str) -> tuple[str, str, str]:
    """Name, place (path, with the field behind a colon) and direction of an ``--external`` option."""
    name, found, place = option.partition("=")
    direction = "none"
    start, comma, suffix = place.rpartition(",")
    if comma and not Path(place).exists():
        if suffix not in ("up", "down"):
            raise DataError(f"--external {option}: '{suffix}' after the comma is neither up nor down.")
        place, direction = start, suffix
    if not found or not name.isidentifier() or not place:
        raise DataError(
            f"--external {option}: use NAME=PATH[:FIELD][,up|down], e.g. versa_utmos=scores.jsonl:utmos,up; "
            "NAME is a word."
        )
    if name.removesuffix("_al") in METRICS or name.startswith(OWN_PREFIXES) or name in TAKEN_NAMES:
        raise DataError(f"--external {option}: '{name}' is a name of this scorer's own; give it another one.")
    return name, place, direction


def _read_values(path: Path, field: str) -> dict[str, float]:
    """Key -> finite value; NaN, null and text count as missing, an infinite value as the file's outermost finite one."""
    text = read_list(path)
    is_json = text.startswith("{")
    entries = _read_json_lines(text, path, field) if is_json else read_scp(path)
    values = {}
    for key, entry in entries.items():
        number = _number(entry)
        if number is None and not (is_json and (entry is None or isinstance(entry, str))):
            raise DataError(f"{path}: key '{key}' has '{entry}', no number.")
        if number is not None and not math.isnan(number):
            values[key] = number
    finite = [number for number in values.values() if math.isfinite(number)]
    if not finite:
        return {}
    # SDR of a perfect output is infinite: as good as the best of the others, not missing.
    values = {key: min(max(number, min(finite)), max(finite)) for key, number in values.items()}
    return _by_stem(values) | values


def _number(entry: object) -> float | None:
    """A number, given as one or as text (``3.2``, ``inf``, ``np.float64(3.2)``); None if it is none."""
    try:
        return float(entry)
    except (TypeError, ValueError):
        pass
    try:
        return float(read_printed(str(entry)))
    except (TypeError, ValueError):
        return None


def _by_stem(values: dict[str, float]) -> dict[str, float]:
    """Values of keys that are audio paths ("wavs/u1.wav") under the file's name ("u1"), if that is unambiguous."""
    paths = [key for key in values if Path(key).suffix in AUDIO_SUFFIXES]
    stems = Counter(Path(key).stem for key in paths)
    return {Path(key).stem: values[key] for key in paths if stems[Path(key).stem] == 1}


def _read_json_lines(text: str, path: Path, field: str) -> dict[str, object]:
    entries: dict[str, object] = {}
    fields: dict[str, None] = {}  # of all lines, in their order
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = _read_object(line, f"{path}:{number}")
        key = next((row[name] for name in KEY_FIELDS if name in row), None)
        if key is None:
            raise DataError(f"{path}:{number}: has none of the fields {', '.join(KEY_FIELDS)}.")
        if str(key) in entries:
            raise DataError(f"{path}:{number}: duplicate key '{key}'; keys must be unique.")
        entries[str(key)] = row.get(field)
        fields |= dict.fromkeys(name for name in row if name not in KEY_FIELDS)
    if field not in fields:
        raise DataError(f"{path}: has no field '{field}'; it has {', '.join(fields) or 'none but the key'}.")
    return entries


def _read_object(line: str, where: str) -> dict[str, object]:
    """A line of JSON, or a dict as Python prints it, NumPy's numbers included (VERSA under NumPy 2)."""
    try:
        row = json.loads(line)
    except ValueError as error:
        try:
            row = read_printed(line)
        except ValueError:
            raise DataError(f"{where}: not JSON ({error}); each line must be one object.") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: not an object; each line must be one object.")
    return row
