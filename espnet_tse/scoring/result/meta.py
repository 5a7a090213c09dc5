"""The ``meta`` block of result.json: what was scored, how, and with which versions."""

import time

from espnet_tse.scoring.result.aggregate import scores_mixtures
from espnet_tse.scoring.result.decoding import flags_of_decoding
from espnet_tse.scoring.result.names import system_name, test_set_name
from espnet_tse.scoring.result.protocol import protocol_of, rate_of
from espnet_tse.scoring.result.reference_systems import is_mixture
from espnet_tse.scoring.result.source_version import base_versions, source_commit
from espnet_tse.scoring.run.options import ScoringOptions, plain_options
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record


def flags_of(plan: ScoringPlan, records: dict[str, Record]) -> list[str]:
    """What makes a row incomparable by nature: oracle inputs, a choice among candidates."""
    options = plan.options
    flags = [*options.flag, *flags_of_decoding(options.inf_scp, options.inf_dir, options.candidates)]
    equal = sum("equals_target" in record.flags for record in records.values())
    if equal:
        flags.append(f"suspicious: {equal} of {len(records)} estimates equal their targets")
    if scores_mixtures(records) and not is_mixture(system_name(plan.options)):
        flags.append("the estimates are the mixtures")
    return flags


def make_meta(plan: ScoringPlan, records: dict[str, Record]) -> dict:
    """The ``meta`` block of result.json: all that is needed to compute the numbers again."""
    options = plan.options
    parts = plan.measures.values()
    # Neither these versions nor the commit are in the signature: results that differ in them only still compare.
    versions = base_versions() | {
        name: version for part in parts for name, version in part["packages"].items()
    }
    hashes = {name: digest for part in parts for name, digest in part["weights_sha256"].items()}
    return {
        "system": system_name(options),
        "test_set": test_set_name(options),
        "preset": options.preset,
        "preset_overrides": plan.overrides,
        "n": len(plan.utterances),
        "date": time.strftime("%Y-%m-%d"),
        "commit": source_commit(),
        "versions": dict(sorted(versions.items())),
        "weights_sha256": dict(sorted(hashes.items())),
        "settings": _settings(plan, records),
        "signature": plan.signature,
        "protocol": protocol_of(plan, records),
        "flags": flags_of(plan, records),
        "candidates": options.candidates,
        "not_available": plan.not_available,
        "inputs": _inputs(plan.options),
        "options": plain_options(options),
    }


def _settings(plan: ScoringPlan, records: dict[str, Record]) -> dict:
    """What changes figures: the signals' treatment, the texts', the bootstrap's units, settings of measures."""
    names = ("length", "align", "level", "text_norm", "unit", "ci_unit")
    return {
        "rate": rate_of(records),
        **{name: getattr(plan.options, name) for name in names},
        "bandwidth": "8k" if plan.low_band else "16k",
        "measures": {name: part["settings"] for name, part in plan.measures.items()},
    }


def _inputs(options: ScoringOptions) -> dict[str, str | list[str] | None]:
    """Option -> the list it named; None where it was not given."""
    names = ("inf_scp", "inf_dir", "ref_scp", "mix_scp", "enroll_scp", "intf_scp", "text", "utt2spk")
    given = {name: getattr(options, name) for name in names}
    return {
        name: [str(path) for path in value] if isinstance(value, tuple) else str(value) if value else None
        for name, value in given.items()
    }
