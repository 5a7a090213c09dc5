"""The options as the chosen preset completes them."""

from dataclasses import replace

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.presets import DEFAULTS, PRESETS


def with_preset(options: ScoringOptions) -> tuple[ScoringOptions, dict[str, str]]:
    """Fill in the preset's defaults; also tells which options the user set against them.

    Raises:
        DataError: unknown preset.
    """
    if options.preset not in PRESETS:
        raise DataError(f"--preset {options.preset}: unknown; known: {', '.join(PRESETS)}.")
    preset = PRESETS[options.preset]
    defaults = DEFAULTS | preset.options
    given = {name: getattr(options, name) for name in defaults if getattr(options, name)}
    overrides = {name: value for name, value in given.items() if value != defaults[name]}
    if preset.asr and options.asr and options.asr != preset.asr:
        overrides["asr"] = " ".join(options.asr)
    comparable = options.ref_scp or options.text
    asr = tuple(option for option in options.asr or (preset.asr if comparable else ()) if option != "none")
    return replace(options, asr=asr, **(defaults | given)), overrides
