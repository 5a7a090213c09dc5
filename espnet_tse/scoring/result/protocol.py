"""Under which conditions scores were computed: what must be equal for two results to be compared."""

from pathlib import Path
from typing import Collection

from espnet_tse.io.scp import read_list
from espnet_tse.scoring.measure.audio import RATE
from espnet_tse.scoring.result.column_inputs import column_inputs, digest, input_differences
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record

POLICIES = ("length", "align", "level", "ref_channel", "text_norm")
# Raise it when the figures of a word error entry change. 2: a failed output counts in hallucination_rate.
# 3: of equally few errors, the split with the most hits.
WORDS_VERSION = 3
PROTOCOL_FILE = "protocol"  # of a data folder: which public list this is


def protocol_of(plan: ScoringPlan, records: dict[str, Record]) -> dict:
    """The ``protocol`` block of result.json.

    ``keys_sha256`` hashes the keys, ``reference_sha256`` keys and samples of the targets, or of the mixtures where there
    are no targets: they are equal for two systems that were scored on the same audio, whatever its path. ``rate``: see
    ``rate_of``; ``inputs``: what columns rest on besides.
    """
    keys = sorted(records)
    absent = [key for key in keys if records[key].target_absent]
    described = read_protocol_file(plan.options.ref_scp or plan.options.mix_scp)
    audio = "target_sha1" if plan.options.ref_scp else "mixture_sha1"
    spoken = {}
    if plan.options.activity:
        spoken["activity_sha256"] = digest([f"{u.key} {u.activity}" for u in plan.utterances])
    return spoken | {
        "preset": plan.options.preset,
        "n": len(keys),
        "keys_sha256": digest(keys),
        "reference_sha256": digest([f"{key} {getattr(records[key], audio)}" for key in keys]),
        "absent_sha256": digest(absent) if absent else None,
        "rate": rate_of(records),
        "bandwidth": "8k" if plan.low_band else "16k",
        "list": described.get("list"),
        "mode": described.get("mode"),
        "kind": described.get("kind"),
        "policies": {name: getattr(plan.options, name) for name in POLICIES},
        "words": {"version": WORDS_VERSION, "asr": [spec.tag for spec in plan.asr]},
        "measures": {name: digest([identity])[:12] for name, identity in plan.worker.identities.items()},
        "inputs": column_inputs(plan, records),
    }


def rate_of(records: dict[str, Record]) -> int | list[int]:
    """Hz at which sample-aligned measures were computed: that of the targets, or all of theirs.

    Without targets, where there are no such measures, it is that of the networks.
    """
    rates = sorted({record.target_rate for record in records.values() if record.target_rate})
    return rates if len(rates) > 1 else rates[0] if rates else RATE


def read_protocol_file(scp: Path | None) -> dict[str, str]:
    """``name: value`` lines of the file beside a list of the set; empty where there is none.

    Raises:
        DataError: it is not UTF-8.
    """
    path = scp.parent / PROTOCOL_FILE if scp else None
    if path is None or not path.is_file():
        return {}
    lines = (line.partition(":") for line in read_list(path).splitlines())
    return {name.strip(): value.strip() for name, found, value in lines if found}


def protocol_differences(first: dict, second: dict, columns: Collection[str] = ()) -> list[str]:
    """Why two results must not be compared; empty if they may.

    What only one of them measured is no difference, nor is the preset, nor the normaliser of texts where no
    recogniser is common to both.

    Args:
        columns: whose inputs count (``input_differences``); none: those of all.
    """
    if not first or not second:
        return ["no protocol was recorded; score again"]
    found = []
    for name, meaning in (
        ("keys_sha256", "other utterances"),
        ("reference_sha256", "other target audio"),
        ("absent_sha256", "other utterances without their target"),
        ("bandwidth", "other bandwidth"),
        ("rate", "another sample rate"),
        ("list", "another list"),
        ("mode", "another length mode"),
        ("kind", "another kind of mixtures"),
    ):
        if first.get(name) != second.get(name):
            shown = "" if name.endswith("sha256") else f" ({first.get(name)} and {second.get(name)})"
            found.append(meaning + shown)
    times = {protocol.get("activity_sha256") for protocol in (first, second)} - {None}
    if len(times) > 1:  # what only one of them was given is no difference
        found.append("other times of the targets' speech")
    found += input_differences(first.get("inputs") or {}, second.get("inputs") or {}, columns)
    heard = [(protocol.get("words") or {}).get("asr") for protocol in (first, second)]
    # Older protocols do not record the recogniser; then the normaliser may matter.
    both_heard = None in heard or bool(set(heard[0]) & set(heard[1]))
    policies = {
        name: (first["policies"].get(name), second["policies"].get(name))
        for name in POLICIES
        if both_heard or name != "text_norm"
    }
    found += [f"--{name} {one} and {other}" for name, (one, other) in policies.items() if one != other]
    versions = [(protocol.get("words") or {}).get("version", 1) for protocol in (first, second)]
    if heard != [None, None] and any(heard) and both_heard and versions[0] != versions[1]:
        found.append(f"versions of the word errors ({versions[0]} and {versions[1]})")
    measures = first["measures"].keys() & second["measures"].keys()
    changed = sorted(name for name in measures if first["measures"][name] != second["measures"][name])
    if changed:
        found.append(f"versions, settings or weights of {', '.join(changed)}")
    return found
