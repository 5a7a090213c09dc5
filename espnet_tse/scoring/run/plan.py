"""From command-line options to a checked plan: every configuration error shows before any scoring starts."""

import hashlib
import json
from dataclasses import dataclass, field, replace

from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.run.absent_targets import SILENT
from espnet_tse.scoring.run.annotations import gender_pairs, interferer_texts, real_time_factors
from espnet_tse.scoring.run.external_scores import ExternalScores, read_all_external
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.measures_used import MeasuresUsed, measures_used
from espnet_tse.scoring.run.metric_choice import asked_by_files, drop_impossible, select_metrics
from espnet_tse.scoring.run.option_checks import check_options
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.pairing import pair_inputs
from espnet_tse.scoring.run.plan_asr import choose_normaliser, plan_recognisers
from espnet_tse.scoring.run.preset_choice import with_preset
from espnet_tse.scoring.run.presets import PRESETS
from espnet_tse.scoring.run.shown_keys import some
from espnet_tse.scoring.run.texts import read_external_texts, read_transcripts


@dataclass(frozen=True)
class ScoringPlan:
    """Everything known before the first file is scored."""

    options: ScoringOptions  # with the preset's defaults filled in
    utterances: tuple[Utterance, ...]  # in byte order of their keys
    worker: WorkerPlan
    asr: tuple[AsrSpec, ...]
    external: dict[str, dict[str, dict[str, str]]]  # tag -> {"estimate"/"target": {key: words}}
    text: dict[str, str]
    speakers: dict[str, str]
    genders: dict[str, str]  # key -> pair of genders, where both are known
    interferer_text: dict[str, str]  # key -> words of all interferers
    scores: dict[str, ExternalScores]  # column -> values from a file
    not_available: dict[str, str]  # column -> why
    measures: dict[str, dict]  # identity of every measure used, as written into the results
    signature: str
    low_band: bool = False
    overrides: dict[str, str] = field(default_factory=dict)  # options that go against the preset


def make_plan(options: ScoringOptions) -> ScoringPlan:
    """Read the lists, check everything that can be checked without decoding audio.

    Raises:
        DataError: with file, key and the way to fix it.
    """
    options, overrides = with_preset(options)
    check_options(options)
    specs, missing_recognisers = plan_recognisers(
        options.asr, PRESETS[options.preset].decode, options.model_dir
    )
    recognisers = _recognisers_to_run(options, specs)
    options = replace(options, text_norm=choose_normaliser(options.text_norm, specs))
    names, explicit = select_metrics(options.preset, options.metrics, asked_by_files(options))
    utterances, low_band = pair_inputs(options)
    factors = real_time_factors(options, utterances)
    utterances = [replace(utterance, rtf=factors.get(utterance.key)) for utterance in utterances]
    names, not_available = drop_impossible(names, explicit, options, low_band, missing_recognisers)
    speakers = _read_speakers(options, utterances)
    text = read_transcripts(options, specs, utterances)
    external = read_external_texts(options, specs, utterances)
    used = measures_used(names, recognisers, options.places)
    return ScoringPlan(
        options=options,
        utterances=tuple(utterances),
        worker=_worker_plan(options, names, recognisers, used),
        asr=specs,
        external=external,
        text=text,
        speakers=speakers,
        scores=read_all_external(options.external, utterances),
        genders=gender_pairs(options, utterances, speakers),
        interferer_text=interferer_texts(options, utterances),
        not_available=not_available,
        measures=used.described,
        signature=_signature(options, specs, used),
        low_band=low_band,
        overrides=overrides,
    )


def _recognisers_to_run(options: ScoringOptions, specs: tuple[AsrSpec, ...]) -> tuple[AsrSpec, ...]:
    """The recognisers that hear signals here; the texts of external ones are read.

    Raises:
        DataError: there is nothing to compare their texts with.
    """
    recognisers = tuple(spec for spec in specs if spec.kind != "external")
    if recognisers and not (options.ref_scp or options.text):
        raise DataError(f"--asr {recognisers[0].kind}: needs --text (for wer) or --ref_scp (for dwer).")
    return recognisers


def _read_speakers(options: ScoringOptions, utterances: list[Utterance]) -> dict[str, str]:
    """``--utt2spk``, key -> target speaker; empty where it is not given.

    Raises:
        DataError: it lacks an utterance.
    """
    if not options.utt2spk:
        return {}
    speakers = read_scp(options.utt2spk)
    lacking = [u.key for u in utterances if u.key not in speakers]
    if lacking:
        raise DataError(
            f"{options.utt2spk}: lacks {len(lacking)} of {len(utterances)} keys: {some(lacking)}."
        )
    return speakers


def _policies(options: ScoringOptions) -> dict[str, str | int]:
    """Options that change the signals before they are measured."""
    return {name: getattr(options, name) for name in ("length", "align", "level", "ref_channel")}


def _worker_plan(
    options: ScoringOptions, names: tuple[str, ...], recognisers: tuple[AsrSpec, ...], used: MeasuresUsed
) -> WorkerPlan:
    estimate_cache = options.output_dir / ".cache"
    return WorkerPlan(
        metrics=names,
        recognisers=recognisers,
        **_policies(options),
        identities=used.identities,
        weights=used.weights,
        estimate_cache=estimate_cache,
        reference_cache=options.cache_dir or estimate_cache,
        speaker_model=used.speaker_model,
        silent_is_absent=options.absent == SILENT,
    )


def _signature(options: ScoringOptions, specs: tuple[AsrSpec, ...], used: MeasuresUsed) -> str:
    """sha1 of settings, versions and weights: equal signatures, equal ways of scoring."""
    texts = {"text_norm": options.text_norm, "unit": options.unit, "asr": [spec.tag for spec in specs]}
    signed = {**_policies(options), **texts, "measures": used.described}
    return hashlib.sha1(json.dumps(signed, sort_keys=True).encode()).hexdigest()
