"""The command that scores a set again, without options that are defaults."""

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.presets import DEFAULTS, PRESETS

# Repeatable options that take one value each.
REPEATED = tuple(option.name for option in fields(ScoringOptions) if option.type == tuple[str, ...])


def score_command(meta: dict[str, Any], folder: Path | None = None) -> str:
    """The command from the recorded options that are set and no defaults, "" where none was recorded.

    Args:
        meta: of result.json.
        folder: the scoring folder, for ``--output_dir``.
    """
    options = meta.get("options") or {}
    if not options:
        return ""
    # The options are recorded as they were resolved; what was given against the preset is in the overrides.
    given = meta.get("preset_overrides")
    defaults = default_options(str(options.get("preset", "")))
    if given is not None:
        options = {name: value for name, value in options.items() if name not in DEFAULTS or name in given}
        if given.get("asr") == "none":
            options["asr"] = ["none"]  # recorded as the list that it stands for, which is empty
    places = {"system": meta.get("system"), "test_set": meta.get("test_set"), "output_dir": folder}
    words = ["espnet-tse score"]
    for name, value in {**options, **places}.items():
        if value in (None, False, "", []) or value == defaults.get(name):
            continue
        values = [str(item) for item in (value if isinstance(value, list) else [value])]
        if value is True:
            words.append(f"--{name}")
        elif name in REPEATED:
            words += [argument(name, item) for item in values]
        else:
            words.append(argument(name, *values))
    return " ".join(words)


def argument(name: str, *values: str) -> str:
    """An option with its values; one that begins with a hyphen would be taken for an option itself."""
    return f"--{name}{'=' if values[0].startswith('-') else ' '}{shlex.join(values)}"


def default_options(preset: str) -> dict[str, Any]:
    """The values of options that are not given: the options' defaults and the preset's."""
    defaults = {option.name: option.default for option in fields(ScoringOptions)} | DEFAULTS
    if preset in PRESETS:
        defaults |= {**PRESETS[preset].options, "asr": list(PRESETS[preset].asr)}
    return defaults
