"""What a column was computed from beside estimates and targets: equal in two results whose column is compared."""

import hashlib
from typing import Any, Callable, Collection, Iterable, Mapping

from espnet_tse.scoring.asr.text import NORMALISERS, RATES, split_units
from espnet_tse.scoring.result.means import card_of, columns_of
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record

# Kind of input -> what to say where it differs.
MEANINGS = {
    "mix": "other mixtures",
    "enroll": "other enrollments",
    "intf": "other interferers",
    "text": "other reference texts",
    "intf_text": "other texts of the interferers",
    "unit": "another unit of texts",
    "field": "another field of the other tool's file",
    "direction": "another direction of the other tool's scores",
}


def column_inputs(plan: ScoringPlan, records: dict[str, Record]) -> dict[str, dict[str, str]]:
    """Column -> kind of input (``MEANINGS``) -> the value, or the digest of its keys and samples or normalised words.

    Columns that rest on estimates and targets alone are left out.
    """
    audio: dict[str, Callable[[Record], Any]] = {
        "mix": lambda record: record.mixture_sha1,
        "enroll": lambda record: record.enrollment_sha1,
        "intf": lambda record: record.interferer_sha1s,
    }
    used: dict[str, dict[str, str]] = {}
    for column in columns_of(records):
        if column in plan.scores:
            scores = plan.scores[column]
            used[column] = {"field": scores.field, "direction": scores.card.direction}
        elif kinds := [kind for kind in card_of(plan, column).inputs if kind in audio]:
            used[column] = {
                kind: digest(f"{key} {audio[kind](records[key])}" for key in sorted(records))
                for kind in kinds
            }
    return used | _inputs_of_words(plan, sorted(records))


def _inputs_of_words(plan: ScoringPlan, keys: list[str]) -> dict[str, dict[str, str]]:
    """The same of word errors and leakage; what a recogniser hears in a target depends on that alone."""
    normalise, unit = NORMALISERS[plan.options.text_norm], plan.options.unit

    def digest_of(texts: Mapping[str, str]) -> str:
        words = {key: split_units(normalise(texts.get(key, "")), unit) for key in keys}
        return digest(f"{key} {' '.join(words[key])}" for key in keys)

    text = {"text": digest_of(plan.text)} if plan.text else {}
    leak = (
        {**text, "intf_text": digest_of(plan.interferer_text), "unit": unit} if plan.interferer_text else {}
    )
    used = {}
    for spec in plan.asr:
        heard = (plan.external.get(spec.tag) or {}).get("target")
        used[f"{RATES[unit]}_{spec.tag}"] = text
        used[f"d{RATES[unit]}_{spec.tag}"] = {"text": digest_of(heard)} if heard is not None else {}
        used[f"leak_{spec.tag}"] = leak if text else {}
    return {column: inputs for column, inputs in used.items() if inputs}


def input_differences(
    first: dict[str, dict[str, str]], second: dict[str, dict[str, str]], columns: Collection[str] = ()
) -> list[str]:
    """Which inputs differ, with the columns; of what only one result recorded nothing is said.

    Args:
        columns: that are to be compared; none: all that both have.
    """
    found: dict[str, list[str]] = {}
    for column in [name for name in first if name in second and (not columns or name in columns)]:
        for kind in first[column].keys() & second[column].keys():
            if first[column][kind] != second[column][kind]:
                found.setdefault(kind, []).append(column)
    return [f"{meaning} ({', '.join(found[kind])})" for kind, meaning in MEANINGS.items() if kind in found]


def digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
