"""The command that scores a set again, without what it would do anyway."""

import shlex
from dataclasses import fields
from typing import Any

from espnet_tse.scoring.plan import ScoringOptions
from espnet_tse.scoring.presets import DEFAULTS, PRESETS


def score_command(meta: dict[str, Any]) -> str:
    """The command from the recorded options that are set and no defaults, "" where none was recorded."""
    options = meta.get("options") or {}
    defaults = default_options(str(options.get("preset", "")))
    words = []
    for name, value in options.items():
        if value in (None, False, "", []) or value == defaults.get(name):
            continue
        values = value if isinstance(value, list) else [value]
        words.append(f"--{name}")
        words += [shlex.quote(str(item)) for item in values if item is not True]
    return " ".join(["espnet-tse score", *words]) if words else ""


def default_options(preset: str) -> dict[str, Any]:
    """What holds where nothing is said, by the options' defaults and the preset's."""
    defaults = {option.name: option.default for option in fields(ScoringOptions)} | DEFAULTS
    if preset in PRESETS:
        defaults |= {**PRESETS[preset].options, "asr": list(PRESETS[preset].asr)}
    return defaults
