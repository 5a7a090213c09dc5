"""Utterances sorted into buckets by what makes extraction hard, with fixed edges."""

from dataclasses import dataclass
from functools import cached_property

from espnet_tse.scoring.run.worker import Record


@dataclass(frozen=True)
class Scale:
    """Edges between the buckets of a quantity; each bucket holds its lower edge."""

    edges: tuple[float, ...]
    unit: str
    factor: float = 1.0  # from the quantity to the unit

    @cached_property
    def labels(self) -> list[str]:
        first, *_, last = self.edges
        between = [f"{low:g} to {high:g} {self.unit}" for low, high in zip(self.edges, self.edges[1:])]
        return [f"below {first:g} {self.unit}", *between, f"{last:g} {self.unit} and more"]

    def label(self, value: float | None) -> str | None:
        if value is None:
            return None
        # Rounded, because mixtures are often made at exactly an edge.
        return self.labels[sum(round(value * self.factor, 6) >= edge for edge in self.edges)]


SCALES = {
    "input_sir": Scale((-5.0, 0.0, 5.0), "dB"),
    "overlap": Scale((20.0, 40.0, 60.0, 80.0), "%", 100.0),
    "enrollment": Scale((3.0, 5.0, 10.0), "s"),
    "duration": Scale((3.0, 6.0, 10.0), "s"),
}
GENDER = "gender"


def bucket_labels(record: Record, gender: str | None) -> dict[str, str]:
    """Bucket -> label of an utterance; an unknown bucket is left out."""
    duration = record.duration_mix if record.target_absent else record.duration_ref
    labels = {
        "input_sir": SCALES["input_sir"].label(record.input_sir_db),
        "overlap": SCALES["overlap"].label(record.overlap),
        "enrollment": SCALES["enrollment"].label(record.duration_enroll),
        "duration": SCALES["duration"].label(duration),
        GENDER: gender,
    }
    return {name: label for name, label in labels.items() if label is not None}


def keys_by_bucket(labels: dict[str, dict[str, str]]) -> dict[str, dict[str, list[str]]]:
    """Bucket -> label -> keys, labels in the order of their edges, without empty ones.

    Args:
        labels: key -> what ``bucket_labels`` says.
    """
    parts: dict[str, dict[str, list[str]]] = {}
    for name in (*SCALES, GENDER):
        found = {key: own[name] for key, own in labels.items() if name in own}
        order = SCALES[name].labels if name in SCALES else sorted(set(found.values()))
        held = {label: [key for key, own in found.items() if own == label] for label in order}
        if found:
            parts[name] = {label: keys for label, keys in held.items() if keys}
    return parts
