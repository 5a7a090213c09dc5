"""The registry as a table for the terminal: ``--list_metrics``."""

from espnet_tse.scoring.asr.option import SETTINGS
from espnet_tse.scoring.asr.whisper_weights import FOLDERS
from espnet_tse.scoring.measure.card import Measure
from espnet_tse.scoring.measure.cards.words import WER_TEXT
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, needed_measure
from espnet_tse.scoring.measure.weight_files import Places
from espnet_tse.scoring.measure.weights import missing_names, missing_parts
from espnet_tse.scoring.run.presets import PRESETS, Preset

ARROWS = {"up": "↑", "down": "↓", "none": "–"}


def metrics_table(places: Places = Places()) -> str:
    """One line per metric: what it is, what it needs, whether it can run here; then how to get what is missing."""
    lines, gaps = [], {}
    for card in METRICS.values():
        measure = MEASURES[needed_measure(card)]
        gaps |= dict.fromkeys(missing_parts(measure, places))
        needs = "+".join(card.inputs)
        lines.append(
            f"{card.name:<23} {ARROWS[card.direction]} {needs:<13} {card.title}  [{_state(measure, places)}]"
        )
    for kind in SETTINGS:
        if kind in MEASURES:
            gaps |= dict.fromkeys(missing_parts(MEASURES[kind], places))
            lines.append(f"--asr {kind:<14} [{_state(MEASURES[kind], places)}]")
    lines += [f"{name:<23} ↓ {'inf+ref|text':<13} {text}" for name, text in WER_TEXT.items()]
    lines += [f"preset {name}: {' '.join(preset_parts(preset))}" for name, preset in PRESETS.items()]
    if gaps:
        lines += ["", "What is missing here, and how to get it:", *(f"  {gap}" for gap in gaps)]
    return "\n".join(lines) + "\n"


def _state(measure: Measure, places: Places) -> str:
    if lacking := missing_names(measure, places):
        return f"missing: {', '.join(lacking)}"
    return "package available; wants a checkpoint" if measure.name in FOLDERS else "available"


def preset_parts(preset: Preset) -> list[str]:
    """Its metrics, recognisers and options."""
    settings = dict(preset.options) | ({"decode": preset.decode} if preset.decode != "strict" else {})
    return [
        *preset.metrics,
        *(f"--asr {option}" for option in preset.asr),
        *(f"{name}={value}" for name, value in settings.items()),
    ]
