"""The measures behind the wanted metrics, with what identifies their values in caches and results."""

import json
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, SPEAKER_MODELS
from espnet_tse.scoring.measure.weight_files import Places
from espnet_tse.scoring.measure.weights import find_weight
from espnet_tse.scoring.run.identity import describe, describe_recogniser


@dataclass(frozen=True)
class MeasuresUsed:
    """All that is computed, and by what."""

    described: dict[str, dict]  # measure -> version, settings, packages, weights: for the results
    identities: dict[str, str]  # measure -> the same as text: for the keys of caches
    weights: dict[str, Path | None]  # name of a weight -> its file
    speaker_model: str  # measure that distinguishes voices


def measures_used(names: tuple[str, ...], recognisers: tuple[AsrSpec, ...], places: Places) -> MeasuresUsed:
    """Find and describe what the metrics ``names`` and the recognisers need."""
    speaker_model = _best_speaker_model(names)
    described = {name: describe(MEASURES[name], places) for name in _names_of_measures(names, speaker_model)}
    if "confusion" in described:
        described["confusion"]["settings"] = {"speaker_model": speaker_model}
    weights = {weight: find_weight(weight, places) for name in described for weight in MEASURES[name].weights}
    identities = {name: json.dumps([name, part], sort_keys=True) for name, part in described.items()}
    for spec in recognisers:
        # Texts are cached by what makes them, not by the name of their column.
        described[spec.measure] = describe_recogniser(spec, places)
        identities[spec.measure] = json.dumps([spec.kind, described[spec.measure]], sort_keys=True)
    return MeasuresUsed(described, identities, weights, speaker_model)


def _names_of_measures(names: tuple[str, ...], speaker_model: str) -> list[str]:
    """All that is computed: si_sdr and overlap also to describe the data and to find oracles."""
    used = {METRICS[name].measure for name in names} | {"si_sdr", "overlap"}
    used |= {"sdr"} & {name.removesuffix("_i") for name in names}
    used |= {speaker_model} if "confusion" in used else set()
    # The real-time factor of decoding is not part of how a result was scored.
    return [name for name in MEASURES if name in used - {"decoding_time"}]


def _best_speaker_model(names: tuple[str, ...]) -> str:
    """The most trusted speaker model whose similarity is scored anyway, else the one that needs no download."""
    used = {METRICS[name].measure for name in names}
    return next((model for model in SPEAKER_MODELS if model in used), SPEAKER_MODELS[-1])
